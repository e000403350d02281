//! Every way through the endpoints and guards, with secrets that are known.

mod failures;
mod requests;

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_oauth2_password::{
    Authenticated, MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{
        BearerToken, ClientSecret, Clock, Password, PasswordHash, RefreshToken, Standing, Subject,
    },
    password::{HashError, PasswordHasher},
    store::{Account, TokenStore, UserStore},
    throttle::Throttle,
    token::{Authenticate, Credentials, Identity, OAuthError, TokenError, TokenService},
};

use crate::support::{
    Answer, FORM, NOON, User,
    clients::{basic, confidential, encoded_basic, public},
    fast,
    refresh::seconds,
    secrets::{Log, Secrets, Trail},
    send,
    stores::FIRE,
    token_request,
};

pub const PASSWORD: &str = "Zebra+9\"%é/right";
pub const WRONG_PASSWORD: &str = "Okapi&7='ü/wrong";
pub const CLIENT_SECRET: &str = "client-Ibex-4471-right";
pub const WRONG_CLIENT_SECRET: &str = "client-Lynx-9902-wrong";
pub const CODE: &str = "code-551-883";

pub struct Exercise {
    pub secrets: Secrets,
    pub trail: Trail,
    pub log: Log,
    told: Vec<(String, Vec<u8>)>,
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn login(password: &str) -> String {
    format!(
        "grant_type=password&username=meera&password={}",
        encode(password)
    )
}

type Posted = Request<Full<Bytes>>;

fn post(authorization: &[&str], form: &str) -> Posted {
    let mut request = token_request(form.to_owned());
    for field in authorization {
        request
            .headers_mut()
            .append(AUTHORIZATION, field.parse().unwrap());
    }
    request
}

fn ask(uri: &str, media: Option<&str>, authorization: &[&str]) -> Request<Body> {
    let mut request = Request::get(uri);
    for field in authorization {
        request = request.header(AUTHORIZATION, *field);
    }
    if let Some(media) = media {
        request = request.header("content-type", media);
    }
    request.body(Body::empty()).unwrap()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn handler(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::default())
}

impl Exercise {
    pub fn new() -> Self {
        let mut secrets = Secrets::default();
        for (name, secret) in [
            ("password", PASSWORD),
            ("wrong password", WRONG_PASSWORD),
            ("client secret", CLIENT_SECRET),
            ("wrong client secret", WRONG_CLIENT_SECRET),
            ("code", CODE),
        ] {
            secrets.add(name, secret);
        }
        secrets.add(
            "digest of a client secret",
            ClientSecret::new(CLIENT_SECRET).digest().as_bytes(),
        );
        Self {
            secrets,
            trail: Trail::default(),
            log: Log::watch(),
            told: Vec::new(),
        }
    }

    /// Nothing of it is anywhere.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.trail.len() > 20, "hardly anything was asked");
        self.trail.assert_clean(&self.secrets);
        self.secrets.assert_absent("the log", self.log.lines());
    }

    #[track_caller]
    pub fn assert_not_told(&self, marker: &Secrets) {
        for (place, told) in &self.told {
            marker.assert_absent(place, told);
        }
    }

    fn note(&mut self, place: &str, answer: &Answer) {
        self.trail.answer(place, answer);
        let told = format!("{:?}{:?}", answer.headers, answer.body);
        self.told.push((place.to_owned(), told.into_bytes()));
    }

    async fn post<S, B>(&mut self, place: &str, mut service: S, request: Posted) -> Answer
    where
        S: Service<Posted, Response = Response<B>, Error = Infallible> + Clone + std::fmt::Debug,
        S::Future: std::fmt::Debug,
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        self.trail.show(place, &service);
        // What a logger would show of it half-way.
        let (head, body) = request.into_parts();
        let again = Request::from_parts(head.clone(), body.clone());
        self.trail.show(place, &service.call(again));
        let answer = send(service, Request::from_parts(head, body)).await;
        self.note(place, &answer);
        answer
    }

    fn flow<U: UserStore, T: TokenStore>(users: U, tokens: T) -> (PasswordFlow<U, T>, Clock) {
        let clock = Clock::manual(NOON);
        let clients = MemoryClients::new([
            confidential("backend", CLIENT_SECRET).with_introspection(true),
            public("phone"),
        ]);
        let refresh = tower_oauth2_password::token::Refresh::default().with_grace(seconds(10));
        let flow = PasswordFlow::new(users, tokens)
            .with_hasher(fast())
            .with_clock(clock.clone())
            .with_refresh(refresh)
            .with_clients(clients)
            // Nobody knows where a request comes from, and each time that is logged.
            .with_source(|_| None);
        (flow, clock)
    }

    fn learn(&mut self, access: &str, refresh: &str) {
        self.secrets.add("access token", access);
        self.secrets.add("refresh token", refresh);
        let digest = BearerToken::parse(access).unwrap().digest();
        self.secrets
            .add("digest of an access token", digest.as_bytes());
        let digest = RefreshToken::parse(refresh).unwrap().digest();
        self.secrets
            .add("digest of a refresh token", digest.as_bytes());
    }

    fn learn_from(&mut self, answer: &Answer) -> (String, String) {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let member = |name: &str| answer.json[name].as_str().unwrap().to_owned();
        let (access, refresh) = (member("access_token"), member("refresh_token"));
        self.learn(&access, &refresh);
        (access, refresh)
    }

    async fn learn_hash<U: UserStore>(&mut self, users: &U) {
        let account = users.find_account("meera").await.unwrap().unwrap();
        self.trail.show("Account", &account);
        let hash = account.hash().unwrap();
        self.secrets.add("stored hash", hash.expose());
        self.secrets.add("end of the hash", &hash.expose()[29..]);
        self.trail.show("PasswordHash", hash);
    }

    /// What goes well.
    pub async fn prepare<U, T>(&mut self, users: U, tokens: T) -> (String, String)
    where
        U: UserStore + std::fmt::Debug,
        T: TokenStore,
    {
        self.trail.show("users", &users);
        self.learn_hash(&users).await;
        let (flow, _clock) = Self::flow(users, tokens);
        let request = post(&[&basic("backend", CLIENT_SECRET)], &login(PASSWORD));
        // Once only: the future that is shown and dropped must not log in.
        let answer = send(flow.token_service(), request).await;
        self.note("login", &answer);
        self.learn_from(&answer)
    }

    /// Everything.
    pub async fn run<U, T>(&mut self, users: U, tokens: T)
    where
        U: UserStore + std::fmt::Debug,
        T: TokenStore + std::fmt::Debug,
    {
        self.trail.show("users", &users);
        self.trail.show("tokens", &tokens);
        self.learn_hash(&users).await;
        let tokens = Arc::new(tokens);
        let (flow, clock) = Self::flow(users, Arc::clone(&tokens));
        self.trail.show("flow", &flow);
        self.trail.show("issuer", &flow.issuer());
        self.trail.show("authenticator", &flow.authenticator());

        let backend = basic("backend", CLIENT_SECRET);
        let mut lives = Vec::new();
        for _ in 0..3 {
            let answer = send(flow.token_service(), post(&[&backend], &login(PASSWORD))).await;
            self.note("login", &answer);
            lives.push(self.learn_from(&answer));
        }
        let (access, first) = lives[0].clone();
        let form = format!("grant_type=refresh_token&refresh_token={first}");
        let answer = send(flow.token_service(), post(&[&backend], &form)).await;
        self.note("refresh", &answer);
        let (_, second) = self.learn_from(&answer);
        self.look_into_store(&*tokens, &first).await;
        let again = send(flow.token_service(), post(&[&backend], &form)).await;
        assert_eq!(again.json["refresh_token"], second);
        self.note("again", &again);

        self.bad_forms(&flow).await;
        self.guards(&flow, &access).await;
        self.other_endpoints(&flow, &lives[1]).await;
        clock.advance(seconds(60));
        // A replay, which ends the login and is logged.
        let answer = self
            .post("replay", flow.token_service(), post(&[&backend], &form))
            .await;
        assert_eq!(answer.json["error"], "invalid_grant");
        self.guards(&flow, &access).await;
        clock.advance(seconds(86_400 * 100));
        self.guards(&flow, &lives[2].0).await;
        self.other_endpoints(&flow, &lives[2]).await;
        self.throttled(&flow).await;
    }

    /// Shows what a store gives out.
    async fn look_into_store<T: TokenStore>(&mut self, tokens: &T, first: &str) {
        let token = RefreshToken::parse(first).unwrap();
        self.trail.show("RefreshToken", &token);
        let family = tokens.find_family(token.family()).await.unwrap().unwrap();
        let chain = family.chain().unwrap();
        let windows = chain.windows_to_bytes();
        assert_eq!(windows.len(), 72);
        self.secrets.add("salt", &windows[32..64]);
        let standing = chain.judge(token.digest(), NOON);
        assert!(matches!(standing, Standing::InWindow(_)));
        self.trail.show("Standing", &standing);
        self.trail.show("Chain", chain);
        self.trail.show("Family", &family);
        self.trail.show("TokenDigest", &token.digest());
    }

    async fn throttled<U: UserStore, T: TokenStore>(&mut self, flow: &PasswordFlow<U, T>) {
        let backend = basic("backend", CLIENT_SECRET);
        let mut last = http::StatusCode::OK;
        for _ in 0..25 {
            let request = post(&[&backend], &login(WRONG_PASSWORD));
            last = self
                .post("throttle", flow.token_service(), request)
                .await
                .status;
        }
        assert_eq!(last, 429);
    }
}
