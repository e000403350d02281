//! axum-login over tower-sessions: a session in memory, found by a cookie.

use std::{convert::Infallible, sync::Arc};

use axum::body::Body;
use axum_login::{
    AuthManagerLayer, AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, login_required,
};
use dashmap::DashMap;
use futures_util::FutureExt;
use http::{
    Request, Response,
    header::{COOKIE, SET_COOKIE},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::{
    by_hand::Guarded,
    field::Inner,
    site::{USERS, User, in_turn, name},
};

#[derive(Clone, Debug)]
pub struct Account {
    number: usize,
    user: Arc<User>,
}

impl AuthUser for Account {
    type Id = usize;

    fn id(&self) -> usize {
        self.number
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.user.name.as_bytes()
    }
}

#[derive(Clone, Debug)]
pub struct Backend(Arc<DashMap<usize, Account>>);

impl AuthnBackend for Backend {
    type User = Account;
    type Credentials = usize;
    type Error = Infallible;

    async fn authenticate(&self, number: usize) -> Result<Option<Account>, Infallible> {
        self.get_user(&number).await
    }

    async fn get_user(&self, number: &usize) -> Result<Option<Account>, Infallible> {
        Ok(self.0.get(number).map(|account| account.clone()))
    }
}

pub struct Sessions {
    layer: AuthManagerLayer<Backend, MemoryStore>,
    cookies: Vec<String>,
}

impl Sessions {
    pub fn new() -> Self {
        let accounts = (0..USERS).map(|number| {
            let user = Arc::new(User { name: name(number) });
            (number, Account { number, user })
        });
        let backend = Backend(Arc::new(accounts.collect()));
        let sessions = SessionManagerLayer::new(MemoryStore::default());
        let layer = AuthManagerLayerBuilder::new(backend, sessions).build();
        let cookies = (0..USERS).map(|number| log_in(&layer, number)).collect();
        Self { layer, cookies }
    }

    /// The session alone: nobody is turned away yet.
    pub fn identified(&self) -> impl Guarded + use<> {
        self.layer.layer(Inner::<Body>::new())
    }

    /// With the guard in front of the handler.
    pub fn guarded(&self) -> impl Guarded + use<> {
        let guard = login_required!(Backend);
        self.layer.layer(guard.layer(Inner::<Body>::new()))
    }

    pub fn requests(&self) -> impl FnMut() -> Request<Body> + use<> {
        in_turn(COOKIE, self.cookies.clone())
    }
}

/// Logs a user in, and says with which cookie to come back.
fn log_in(layer: &AuthManagerLayer<Backend, MemoryStore>, number: usize) -> String {
    let login = layer.layer(service_fn(move |request: Request<Body>| async move {
        let session = request.extensions().get::<AuthSession<Backend>>();
        let mut session = session.unwrap().clone();
        let user = session.authenticate(number).await.unwrap().unwrap();
        session.login(&user).await.unwrap();
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let response = login.oneshot(Request::new(Body::empty())).now_or_never();
    let response = response.unwrap().unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
