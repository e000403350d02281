//! What the tests of logins share: two users, their tokens, and a store of which one verb fails.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Clock, Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
    token::Refresh,
};

use super::{Answer, NOON, User, documents::Body, fast, send, stores::FIRE, token_request, users};

/// A flow with refresh whose users are meera (password `secret123`) and arjun (`hunter22`).
pub fn household<T: TokenStore>(tokens: T) -> (PasswordFlow<MemoryUsers<User>, T>, Clock) {
    let users = users().with_user("arjun", "hunter22", User::new("Arjun"));
    let clock = Clock::manual(NOON);
    let flow = PasswordFlow::new(users.unwrap(), tokens)
        .with_hasher(fast())
        .with_clock(clock.clone())
        .with_refresh(Refresh::default());
    (flow, clock)
}

pub fn meera() -> Subject {
    Subject::new("meera").unwrap()
}

pub fn arjun() -> Subject {
    Subject::new("arjun").unwrap()
}

/// What a client has of a login.
#[derive(Clone, Debug)]
pub struct Login {
    pub access: String,
    pub refresh: String,
}

impl Login {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }

    /// Whether the access token gets through; anything but 200 and 401 is a failure.
    pub async fn works<T: TokenStore>(&self, flow: &PasswordFlow<MemoryUsers<User>, T>) -> bool {
        let service = flow.bearer_layer().layer(service_fn(say_family));
        let answer = send(service, bearer("/", &self.access)).await;
        match answer.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            other => panic!("{other}"),
        }
    }

    /// The name of the login, as the handler of a request sees it.
    pub async fn family<T: TokenStore>(
        &self,
        flow: &PasswordFlow<MemoryUsers<User>, T>,
    ) -> FamilyId {
        let service = flow.bearer_layer().layer(service_fn(say_family));
        let answer = send(service, bearer("/", &self.access)).await;
        assert_eq!(answer.status, StatusCode::OK);
        FamilyId::from_bytes(answer.body[..].try_into().unwrap())
    }

    /// Presents the refresh token.
    pub async fn refreshed<T: TokenStore>(
        &self,
        flow: &PasswordFlow<MemoryUsers<User>, T>,
    ) -> Answer {
        let body = format!("grant_type=refresh_token&refresh_token={}", self.refresh);
        send(flow.token_service(), token_request(body)).await
    }
}

async fn say_family(request: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
    let user = request.extensions().get::<Authenticated<User>>().unwrap();
    let family = user.session().family().unwrap();
    Ok(Response::new(Full::from(family.as_bytes().to_vec())))
}

pub fn bearer(path: &str, token: &str) -> Request<Body> {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    request.body(Body::default()).unwrap()
}

/// The answer to a password grant of `name`.
pub async fn post_login<T: TokenStore>(
    flow: &PasswordFlow<MemoryUsers<User>, T>,
    name: &str,
) -> Answer {
    let password = if name == "arjun" {
        "hunter22"
    } else {
        "secret123"
    };
    let body = format!("grant_type=password&username={name}&password={password}");
    send(flow.token_service(), token_request(body)).await
}

pub async fn log_in_as<T: TokenStore>(
    flow: &PasswordFlow<MemoryUsers<User>, T>,
    name: &str,
) -> Login {
    Login::of(&post_login(flow, name).await)
}

/// A verb of [`VerbFails`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Insert,
    FindFamilies,
    RevokeFamily,
}

/// A store in memory of which one verb fails. A clone is the same store.
#[derive(Clone, Default)]
pub struct VerbFails {
    inner: MemoryTokens,
    broken: Arc<Mutex<Option<Verb>>>,
}

impl VerbFails {
    pub fn break_down(&self, verb: Verb) {
        *self.broken.lock().unwrap() = Some(verb);
    }

    pub fn repair(&self) {
        *self.broken.lock().unwrap() = None;
    }

    fn check(&self, verb: Verb) -> Result<(), StoreError> {
        if *self.broken.lock().unwrap() == Some(verb) {
            return Err(StoreError::new(FIRE));
        }
        Ok(())
    }
}

impl TokenStore for VerbFails {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.check(Verb::Insert)?;
        self.inner.insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        self.inner.find_access(access).await
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.inner.find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.check(Verb::FindFamilies)?;
        self.inner.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.inner.rotate(id, rotation).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        self.inner.revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.check(Verb::RevokeFamily)?;
        self.inner.revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.inner.revoke_subject(subject).await
    }
}
