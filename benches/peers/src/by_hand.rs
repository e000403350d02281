//! What one writes oneself: a map, and a function in front of the handlers.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use dashmap::DashMap;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use tower::{Layer, Service};
use tower_http::auth::{AsyncAuthorizeRequest, AsyncRequireAuthorizationLayer};

use crate::{
    field::Inner,
    site::{Site, User, name},
};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Clone)]
struct Session {
    user: Arc<User>,
    expires_at: SystemTime,
}

fn sessions(site: &Site) -> impl Iterator<Item = (&str, Session)> {
    let expires_at = SystemTime::now() + HOUR;
    site.tokens.iter().enumerate().map(move |(number, token)| {
        let user = Arc::new(User { name: name(number) });
        (token.as_str(), Session { user, expires_at })
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let field = headers.get(AUTHORIZATION)?.to_str().ok()?;
    field.strip_prefix("Bearer ")
}

fn live(session: &Session) -> Option<Arc<User>> {
    (SystemTime::now() < session.expires_at).then(|| Arc::clone(&session.user))
}

async fn go_on(user: Option<Arc<User>>, mut request: Request, next: Next) -> Response {
    let Some(user) = user else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(user);
    next.run(request).await
}

/// A service that axum guards.
pub trait Guarded:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Guarded for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Tokens in clear, with expiry.
pub fn plaintext(site: &Site) -> impl Guarded + use<> {
    let sessions = sessions(site).map(|(token, session)| (token.to_owned(), session));
    let sessions: Arc<DashMap<String, Session>> = Arc::new(sessions.collect());
    let guard = from_fn(move |request: Request, next: Next| {
        let sessions = Arc::clone(&sessions);
        async move {
            let session = bearer(request.headers()).and_then(|token| sessions.get(token));
            let user = session.and_then(|session| live(&session));
            go_on(user, request, next).await
        }
    });
    guard.layer(Inner::<Body>::new())
}

/// Digests, with expiry.
pub fn hashed(site: &Site) -> impl Guarded + use<> {
    let digest = |token: &str| <[u8; 32]>::from(Sha256::digest(token));
    let sessions = sessions(site).map(|(token, session)| (digest(token), session));
    let sessions: Arc<DashMap<[u8; 32], Session>> = Arc::new(sessions.collect());
    let guard = from_fn(move |request: Request, next: Next| {
        let sessions = Arc::clone(&sessions);
        async move {
            let token = bearer(request.headers());
            let session = token.and_then(|token| sessions.get(&digest(token)));
            let user = session.and_then(|session| live(&session));
            go_on(user, request, next).await
        }
    });
    guard.layer(Inner::<Body>::new())
}

type Users = Arc<DashMap<String, Arc<User>>>;

fn users(site: &Site) -> Users {
    let users = sessions(site).map(|(token, session)| (token.to_owned(), session.user));
    Arc::new(users.collect())
}

#[expect(clippy::result_large_err, reason = "what tower-http asks for")]
fn admit(users: &Users, mut request: Request) -> Result<Request, Response> {
    let user = bearer(request.headers()).and_then(|token| users.get(token));
    let Some(user) = user.map(|user| Arc::clone(&user)) else {
        return Err(StatusCode::UNAUTHORIZED.into_response());
    };
    request.extensions_mut().insert(user);
    Ok(request)
}

#[derive(Clone)]
struct Known(Users);

impl AsyncAuthorizeRequest<Body> for Known {
    type RequestBody = Body;
    type ResponseBody = Body;
    type Future = BoxFuture<'static, Result<Request, Response>>;

    fn authorize(&mut self, request: Request) -> Self::Future {
        let users = Arc::clone(&self.0);
        Box::pin(async move { admit(&users, request) })
    }
}

/// Tokens in clear, without expiry, as the documentation of tower-http does it.
pub fn tower_http(site: &Site) -> impl Guarded + use<> {
    let guard = AsyncRequireAuthorizationLayer::new(Known(users(site)));
    guard.layer(Inner::<Body>::new())
}

/// The same as a closure, whose future is not boxed.
pub fn tower_http_closure(site: &Site) -> impl Guarded + use<> {
    let users = users(site);
    let guard = AsyncRequireAuthorizationLayer::new(move |request: Request| {
        let users = Arc::clone(&users);
        async move { admit(&users, request) }
    });
    guard.layer(Inner::<Body>::new())
}
