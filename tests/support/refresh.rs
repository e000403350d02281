//! Pairs of tokens, and stores that stop in the middle of a refresh.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use tokio::sync::{Barrier, Notify};
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::{Clock, Family, FamilyId, Lifetime, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore, UserStore},
    token::Refresh,
};

use super::{Answer, Flow, LOGIN, flow, send, stores::FIRE, token_request};

/// What meera may do, and every refresh without a `scope` gets again.
pub const SCOPE: &str = "items:read me";

/// The tokens of one answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

/// [`flow`], with refresh tokens.
pub fn refreshing(refresh: Refresh) -> (Flow, Clock) {
    let (flow, clock) = flow();
    (flow.with_refresh(refresh), clock)
}

/// [`refreshing`], with a grace window of so many seconds.
pub fn with_grace(secs: u64) -> (Flow, Clock) {
    refreshing(Refresh::default().with_grace(seconds(secs)))
}

pub fn seconds(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn lifetime(secs: u64) -> Lifetime {
    Lifetime::new(seconds(secs)).unwrap()
}

pub fn meera() -> Subject {
    Subject::new("meera").unwrap()
}

/// The tokens of a login by password, which nothing else is asserted about.
pub async fn first_pair<U: UserStore, T: TokenStore>(flow: &PasswordFlow<U, T>) -> Pair {
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.pair()
}

/// Presents a refresh token.
pub async fn refresh<U, T>(flow: &PasswordFlow<U, T>, token: &str) -> Answer
where
    U: UserStore,
    T: TokenStore,
{
    refresh_with(flow, token, "").await
}

/// Presents a refresh token with more parameters, as in `&scope=me`.
pub async fn refresh_with<U, T>(flow: &PasswordFlow<U, T>, token: &str, more: &str) -> Answer
where
    U: UserStore,
    T: TokenStore,
{
    let form = format!("grant_type=refresh_token&refresh_token={token}{more}");
    send(flow.token_service(), token_request(form)).await
}

/// A request to what the flow guards.
pub async fn call_api<U, T>(flow: &PasswordFlow<U, T>, access: &str) -> Answer
where
    U: UserStore,
    T: TokenStore,
{
    let request = Request::get("/me").header(AUTHORIZATION, format!("Bearer {access}"));
    let service = flow.bearer_layer().layer(service_fn(handler));
    send(service, request.body(Full::default()).unwrap()).await
}

async fn handler(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("let in")))
}

impl Answer {
    /// The tokens of a success, which nothing else is asserted about.
    #[track_caller]
    pub fn pair(&self) -> Pair {
        assert_eq!(self.status, 200, "{self:?}");
        let member = |name: &str| self.json[name].as_str().unwrap().to_owned();
        Pair {
            access: member("access_token"),
            refresh: member("refresh_token"),
        }
    }

    /// Asserts a success with a refresh token (RFC 6749 §5.1, §6) to the last byte.
    #[track_caller]
    pub fn expect_pair(&self, expires_in: u32, scope: Option<&str>) -> Pair {
        let pair = self.pair();
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
            ]
        );
        let Pair { access, refresh } = &pair;
        let scope = scope.map_or(String::new(), |scope| format!(r#","scope":"{scope}""#));
        let expected = format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{expires_in},"refresh_token":"{refresh}"{scope}}}"#
        );
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), expected);
        pair
    }

    /// Asserts that a refresh token was refused, to the last byte and without a challenge.
    #[track_caller]
    pub fn expect_dead(&self) {
        let description = "the token is invalid, expired or revoked";
        self.expect_error(400, "invalid_grant", description);
    }

    /// Asserts that the store failed and nobody is to blame for it.
    #[track_caller]
    pub fn expect_retry_later(&self) {
        let description = "the request could not be checked, try again later";
        self.expect_error(503, "temporarily_unavailable", description);
    }

    /// Asserts that the guarded handler answered.
    #[track_caller]
    pub fn expect_let_in(&self) {
        assert_eq!(
            (self.status.as_u16(), &self.body[..]),
            (200, &b"let in"[..])
        );
    }

    /// Asserts that the guard refused the access token (RFC 6750 §3.1).
    #[track_caller]
    pub fn expect_invalid_token(&self) {
        assert_eq!(self.status.as_u16(), 401, "{self:?}");
        let challenge = r#"Bearer realm="api", error="invalid_token""#;
        assert_eq!(self.header("www-authenticate"), Some(challenge));
    }
}

/// What a [`ScriptedTokens`] does otherwise than its store.
#[derive(Clone)]
pub enum Script {
    /// `find_family` fails.
    FailFind,
    /// `rotate` fails, and nothing was changed.
    FailRotate,
    /// `rotate` fails after it was done, as when the database's answer is lost.
    FailAfterRotate,
    /// `rotate` never answers, after it was done.
    HangAfterRotate,
    /// `revoke_family` fails.
    FailRevoke,
    /// All who looked a family up wait for each other.
    MeetAfterFind(Arc<Barrier>),
}

/// A store in memory that follows a script. A clone is the same store.
#[derive(Clone, Default)]
pub struct ScriptedTokens {
    inner: MemoryTokens,
    script: Arc<Mutex<Option<Script>>>,
    rotations: Arc<AtomicUsize>,
    rotated: Arc<Notify>,
}

impl ScriptedTokens {
    /// From now on; `None` is what the store in memory does.
    pub fn follow(&self, script: Option<Script>) {
        *self.script.lock().unwrap() = script;
    }

    /// How often `rotate` was done.
    pub fn rotations(&self) -> usize {
        self.rotations.load(Ordering::SeqCst)
    }

    /// Comes back once `rotate` has been done since the last call.
    pub async fn rotated(&self) {
        self.rotated.notified().await;
    }

    fn script(&self) -> Option<Script> {
        self.script.lock().unwrap().clone()
    }
}

impl TokenStore for ScriptedTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.inner.insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        self.inner.find_access(access).await
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        let script = self.script();
        if let Some(Script::FailFind) = script {
            return Err(StoreError::new(FIRE));
        }
        let found = self.inner.find_family(id).await;
        if let Some(Script::MeetAfterFind(barrier)) = script {
            barrier.wait().await;
        }
        found
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.inner.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        let script = self.script();
        if let Some(Script::FailRotate) = script {
            return Err(StoreError::new(FIRE));
        }
        let rotated = self.inner.rotate(id, rotation).await?;
        if let Rotated::Done = rotated {
            self.rotations.fetch_add(1, Ordering::SeqCst);
            self.rotated.notify_one();
            match script {
                Some(Script::FailAfterRotate) => return Err(StoreError::new(FIRE)),
                Some(Script::HangAfterRotate) => pending().await,
                _ => {}
            }
        }
        Ok(rotated)
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        self.inner.revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        if let Some(Script::FailRevoke) = self.script() {
            return Err(StoreError::new(FIRE));
        }
        self.inner.revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.inner.revoke_subject(subject).await
    }
}
