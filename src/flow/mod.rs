mod accounts;
mod endpoints;
mod events;
#[cfg(feature = "openapi")]
mod openapi;

use std::{fmt, net::IpAddr, num::NonZeroUsize, sync::Arc};

use http::request::Parts;

use crate::{
    bearer::{BearerLayer, RequireScope, SessionValidator},
    model::{Clock, Lifetime, Password, PasswordHash, PublicUrl, Realm, Scope, TokenPrefix},
    observe::{EventHook, SourceOf},
    password::{CheckError, HashingPool, PasswordCheck, PasswordHasher},
    store::{ClientStore, TokenStore, UserStore},
    throttle::{MemoryThrottle, Throttle, Throttles},
    token::{Clients, Issuer, Label, Limits, PasswordAuthenticator, Refresh},
};

/// The whole login: owns the parts and hands out the layers and services that share them.
///
/// A clone is the same flow.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_oauth2_password::{Authenticated, MemoryTokens, MemoryUsers, PasswordFlow};
///
/// # #[derive(Clone)]
/// struct User {
///     name: String,
/// }
/// # impl User {
/// #     fn new(name: &str) -> Self {
/// #         Self { name: name.to_owned() }
/// #     }
/// # }
///
/// let users = MemoryUsers::new().with_user("meera", "secret123", User::new("Meera"))?;
/// let flow = PasswordFlow::new(users, MemoryTokens::new());
///
/// let app = Router::new()
///     .route("/me", get(async |user: Authenticated<User>| user.name.clone()))
///     .layer(flow.bearer_layer())          // guards what is above it
///     .layer(flow.token_layer("/token")?); // POST /token logs in
/// # let _: Router = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PasswordFlow<U, T> {
    users: Arc<U>,
    tokens: Arc<T>,
    check: PasswordCheck,
    clock: Clock,
    issuer: Issuer<T>,
    clients: Option<Clients>,
    label: Option<Arc<Label>>,
    throttle: Option<Throttles>,
    source_of: Option<Arc<SourceOf>>,
    event_hook: Option<Arc<EventHook>>,
    refreshes: bool,
    limits: Limits,
    realm: Realm,
    resource_metadata: Option<PublicUrl>,
}

impl<U, T> PasswordFlow<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    /// Logs the users of `users` in and keeps their sessions in `tokens`.
    ///
    /// Passwords are checked by bcrypt at cost 12, on one thread per core. Tokens live an hour.
    pub fn new(users: U, tokens: T) -> Self {
        let tokens = Arc::new(tokens);
        Self {
            users: Arc::new(users),
            issuer: Issuer::new(Arc::clone(&tokens)),
            tokens,
            check: PasswordCheck::default(),
            clock: Clock::system(),
            clients: None,
            label: None,
            throttle: Some(Throttles::new(MemoryThrottle::new())),
            source_of: None,
            event_hook: None,
            refreshes: false,
            limits: Limits::default(),
            realm: Realm::default(),
            resource_metadata: None,
        }
    }

    /// Sets the hasher. The default is [`Bcrypt`](crate::password::Bcrypt) at cost 12.
    #[must_use]
    pub fn with_hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.check = self.check.with_hasher(hasher);
        self
    }

    /// Sets the threads that hash, and how many logins may wait for them. The default is
    /// [`HashingPool::default`].
    #[must_use]
    pub fn with_hashing_pool(mut self, pool: HashingPool) -> Self {
        self.check = self.check.with_pool(pool);
        self
    }

    /// Sets how long access tokens live. The default is one hour.
    #[must_use]
    pub fn with_access_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.issuer = self.issuer.with_lifetime(lifetime);
        self
    }

    /// Sets what access tokens begin with. The default is nothing.
    #[must_use]
    pub fn with_token_prefix(mut self, prefix: TokenPrefix) -> Self {
        self.issuer = self.issuer.with_prefix(prefix);
        self
    }

    /// Hands out refresh tokens, and offers the refresh grant. The default is not to.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        self.issuer = self.issuer.with_refresh(refresh);
        self.refreshes = true;
        self
    }

    /// Serves the clients of `clients` and no others (RFC 6749 §2). By default every client is
    /// served, and what it says about itself is not looked at.
    #[must_use]
    pub fn with_clients(mut self, clients: impl ClientStore) -> Self {
        self.clients = Some(Clients::new(clients));
        self
    }

    /// Sets how many logins a user can have at once; with one more, the oldest is revoked. The
    /// default is no such limit.
    #[must_use]
    pub fn with_session_cap(mut self, cap: NonZeroUsize) -> Self {
        self.issuer = self.issuer.with_session_cap(cap);
        self
    }

    /// Names each login by the head of its request, for the list that
    /// [`families`](Self::families) makes. The default is no name; from 200 **characters** on it
    /// is cut off.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    /// let flow = flow.with_label(|head| {
    ///     Some(head.headers.get("user-agent")?.to_str().ok()?.to_owned())
    /// });
    /// # let _ = flow;
    /// ```
    #[must_use]
    pub fn with_label<F>(mut self, label: F) -> Self
    where
        F: Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    {
        self.label = Some(Arc::new(label));
        self
    }

    /// Sets who may try again, and when. The default is a [`MemoryThrottle`] of this flow.
    #[must_use]
    pub fn with_throttle(mut self, throttle: impl Throttle) -> Self {
        self.throttle = Some(Throttles::new(throttle));
        self
    }

    /// Lets everybody guess as fast as the hashing pool allows. RFC 6749 §4.3.2 forbids that, so
    /// something in front has to see to it.
    #[must_use]
    pub fn with_insecure_no_throttle(mut self) -> Self {
        self.throttle = None;
        self
    }

    /// Says where a request comes from: without this, the throttle cannot tell a stranger who
    /// guesses from the owner of an account, and slows down both.
    ///
    /// In axum that is `ConnectInfo`; behind a proxy of one's own it is
    /// [`forwarded_for`](crate::throttle::forwarded_for). `None` is logged as an error.
    ///
    /// # Example
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    /// # use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
    /// # let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    ///
    /// let flow = flow.with_source(|head| {
    ///     let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    ///     Some(peer.ip())
    /// });
    /// // axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
    /// # let _ = flow;
    /// ```
    #[must_use]
    pub fn with_source<F>(mut self, source: F) -> Self
    where
        F: Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.source_of = Some(Arc::new(source));
        self
    }

    /// Sets the clock by which tokens are issued and expire. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.issuer = self.issuer.with_clock(clock.clone());
        self.clock = clock;
        self
    }

    /// Sets the realm that challenges name. The default is `api`.
    #[must_use]
    pub fn with_realm(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }

    /// Names the protected resource's metadata in challenges (RFC 9728 §5.1). The default is not
    /// to. [`resource_metadata`](Self::resource_metadata) makes the document.
    #[must_use]
    pub fn with_resource_metadata(mut self, url: PublicUrl) -> Self {
        self.resource_metadata = Some(url);
        self
    }

    /// The layer that guards a service: only requests with a valid token get through.
    pub fn bearer_layer(&self) -> BearerLayer<SessionValidator<U, T>> {
        let validator = SessionValidator::new(Arc::clone(&self.users), Arc::clone(&self.tokens))
            .with_clock(self.clock.clone());
        let layer = BearerLayer::new(validator)
            .with_observer(self.observer())
            .with_realm(self.realm.clone());
        match &self.resource_metadata {
            Some(url) => layer.with_resource_metadata(url.clone()),
            None => layer,
        }
    }

    /// The layer that demands a scope, to stand inside [`bearer_layer`](Self::bearer_layer).
    pub fn require_scope(&self, required: Scope) -> RequireScope<U::User> {
        let layer = RequireScope::new(required)
            .with_observer(self.observer())
            .with_realm(self.realm.clone());
        match &self.resource_metadata {
            Some(url) => layer.with_resource_metadata(url.clone()),
            None => layer,
        }
    }

    /// What checks passwords, to be wrapped in an [`Authenticate`](crate::token::Authenticate)
    /// that asks for more.
    pub fn authenticator(&self) -> PasswordAuthenticator<U> {
        PasswordAuthenticator::new(Arc::clone(&self.users), self.check.clone())
    }

    /// What makes tokens, for a [`TokenService`](crate::TokenService) with an authenticator of the application's own.
    pub fn issuer(&self) -> Issuer<T> {
        self.issuer.clone()
    }

    /// Hashes the password of a new account or a changed one, on the threads that also check
    /// logins. A policy on passwords (length, blocklist) belongs before this call.
    ///
    /// # Errors
    ///
    /// [`CheckError::Hash`] if the hasher cannot take the whole password, and
    /// [`CheckError::Pool`] if too many hashes are waiting.
    pub async fn hash_password(&self, password: Password) -> Result<PasswordHash, CheckError> {
        self.check.hash(password).await
    }
}

impl<U, T> Clone for PasswordFlow<U, T> {
    fn clone(&self) -> Self {
        Self {
            users: Arc::clone(&self.users),
            tokens: Arc::clone(&self.tokens),
            check: self.check.clone(),
            clock: self.clock.clone(),
            issuer: self.issuer.clone(),
            clients: self.clients.clone(),
            label: self.label.clone(),
            throttle: self.throttle.clone(),
            source_of: self.source_of.clone(),
            event_hook: self.event_hook.clone(),
            refreshes: self.refreshes,
            limits: self.limits,
            realm: self.realm.clone(),
            resource_metadata: self.resource_metadata.clone(),
        }
    }
}

impl<U, T> fmt::Debug for PasswordFlow<U, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordFlow")
            .field("check", &self.check)
            .field("issuer", &self.issuer)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
