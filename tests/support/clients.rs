//! A flow that knows its clients, and how they say who they are.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_oauth2_password::{
    MemoryClients, PasswordFlow,
    model::{ClientId, ClientSecret, Clock},
    store::{Client, ClientStore, StoreError, TokenStore, UserStore},
    token::Refresh,
};

use super::{Answer, Flow, LOGIN, flow, send, stores::FIRE, token_request};

pub const BACKEND_SECRET: &str = "b4ckend-s3cret";
pub const BILLING_SECRET: &str = "b1lling-s3cret";
/// A secret of which half of all clients make another one on the way.
pub const ODD_SECRET: &str = "s:é %41+&";

/// What every refusal of a client says, and of a token.
pub const BAD_CLIENT: &str = "the client is unknown or its credentials are wrong";
pub const BAD_TOKEN: &str = "the token is invalid, expired or revoked";
pub const TWO_METHODS: &str = "the client says who it is in more than one way";

pub fn client_id(id: &str) -> ClientId {
    ClientId::new(id).unwrap()
}

pub fn confidential(id: &str, secret: &str) -> Client {
    Client::confidential(client_id(id), ClientSecret::new(secret).digest())
}

pub fn public(id: &str) -> Client {
    Client::public(client_id(id))
}

/// The confidential `backend`, which may introspect, `billing` and `odd %41+id`; the public
/// `phone` and `tablet`.
pub fn clients() -> [Client; 5] {
    [
        confidential("backend", BACKEND_SECRET).with_introspection(true),
        confidential("billing", BILLING_SECRET),
        confidential("odd %41+id", ODD_SECRET),
        public("phone"),
        public("tablet"),
    ]
}

/// [`flow`] with refresh tokens and [`clients`].
pub fn flow_with_clients() -> (Flow, Clock) {
    let (flow, clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    (flow.with_clients(MemoryClients::new(clients())), clock)
}

/// [`flow`] with refresh tokens and one client.
pub fn flow_with_client(client: Client) -> Flow {
    let flow = flow().0.with_refresh(Refresh::default());
    flow.with_clients(MemoryClients::new([client]))
}

/// HTTP Basic credentials as they are: base64 and nothing else.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// HTTP Basic credentials as RFC 6749 §2.3.1 has them: both form-encoded first.
pub fn encoded_basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    basic(&encode(id), &encode(secret))
}

pub fn backend() -> String {
    basic("backend", BACKEND_SECRET)
}

pub fn billing() -> String {
    basic("billing", BILLING_SECRET)
}

/// Posts a form with these `Authorization` fields.
pub async fn post_with<S, B>(service: S, fields: &[&str], body: impl Into<String>) -> Answer
where
    S: Service<
            Request<Full<bytes::Bytes>>,
            Response = Response<B>,
            Error = std::convert::Infallible,
        >,
    B: http_body::Body<Data = bytes::Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut request = token_request(body.into());
    for field in fields {
        let field = HeaderValue::from_bytes(field.as_bytes()).unwrap();
        request.headers_mut().append(header::AUTHORIZATION, field);
    }
    send(service, request).await
}

/// What a login or a refresh handed out.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    /// The form that refreshes them.
    pub fn refresh_form(&self) -> String {
        format!("grant_type=refresh_token&refresh_token={}", self.refresh)
    }
}

impl Answer {
    /// Asserts tokens for an hour (RFC 6749 §5.1) to the last byte.
    #[track_caller]
    pub fn expect_tokens(&self, scope: Option<&str>) -> Tokens {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
            ]
        );
        let member = |name: &str| self.json[name].as_str().unwrap().to_owned();
        let (access, refresh) = (member("access_token"), member("refresh_token"));
        let scope = scope.map_or(String::new(), |scope| format!(r#","scope":"{scope}""#));
        let expected = format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}"{scope}}}"#
        );
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), expected);
        Tokens { access, refresh }
    }

    /// Asserts a 401 of the realm `api` (RFC 6749 §5.2, RFC 7617 §2) to the last byte.
    #[track_caller]
    pub fn expect_challenge(&self) {
        self.expect_challenge_of("api");
    }

    #[track_caller]
    pub fn expect_challenge_of(&self, realm: &str) {
        assert_eq!(self.status, 401, "{self:?}");
        let challenge = format!(r#"Basic realm="{realm}", charset="UTF-8""#);
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
                ("www-authenticate", &*challenge),
            ]
        );
        let expected =
            format!(r#"{{"error":"invalid_client","error_description":"{BAD_CLIENT}"}}"#);
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), expected);
    }

    /// Asserts `invalid_client` without a challenge.
    #[track_caller]
    pub fn expect_bad_client(&self) {
        self.expect_error(400, "invalid_client", BAD_CLIENT);
    }

    /// Asserts `invalid_grant` for a token.
    #[track_caller]
    pub fn expect_bad_token(&self) {
        self.expect_error(400, "invalid_grant", BAD_TOKEN);
    }

    /// Asserts a revocation (RFC 7009 §2.2): 200 and nothing in it.
    #[track_caller]
    pub fn expect_revoked(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(
            self.fields(),
            [("cache-control", "no-store"), ("pragma", "no-cache")]
        );
        assert_eq!(self.body, "");
    }

    /// Asserts an answer of the introspection endpoint (RFC 7662 §2.2) to the last byte.
    #[track_caller]
    pub fn expect_described(&self, json: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
            ]
        );
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), json);
    }

    #[track_caller]
    pub fn expect_inactive(&self) {
        self.expect_described(r#"{"active":false}"#);
    }

    /// Asserts that a store failed.
    #[track_caller]
    pub fn expect_unavailable(&self) {
        let told = "the request could not be checked, try again later";
        self.expect_error(503, "temporarily_unavailable", told);
    }
}

/// Logs meera in for all of her scope.
pub async fn log_in_with<U, T>(flow: &PasswordFlow<U, T>, fields: &[&str], more: &str) -> Tokens
where
    U: UserStore,
    T: TokenStore,
{
    let answer = post_with(flow.token_service(), fields, format!("{LOGIN}{more}")).await;
    answer.expect_tokens(Some("items:read me"))
}

/// Asks about a token as `backend`, which may.
pub async fn introspect<U, T>(flow: &PasswordFlow<U, T>, token: &str) -> Answer
where
    U: UserStore,
    T: TokenStore,
{
    let form = format!("token={token}");
    post_with(flow.introspection_service(), &[&backend()], form).await
}

/// Whether the bearer layer of `flow` lets an access token through. If not, the answer is that of
/// RFC 6750 §3.1 and no other.
pub async fn is_alive<U, T>(flow: &PasswordFlow<U, T>, access: &str) -> bool
where
    U: UserStore,
    T: TokenStore,
{
    let handler = service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(bytes::Bytes::new())))
    });
    let request = Request::get("/me").header(header::AUTHORIZATION, format!("Bearer {access}"));
    let answer = send(
        flow.bearer_layer().layer(handler),
        request.body(()).unwrap(),
    )
    .await;
    if answer.status == 200 {
        return true;
    }
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer realm="api", error="invalid_token""#)
    );
    false
}

/// A client store that cannot be asked.
pub struct BrokenClients;

impl ClientStore for BrokenClients {
    async fn find_client(&self, _: &ClientId) -> Result<Option<Client>, StoreError> {
        Err(StoreError::new(FIRE))
    }
}
