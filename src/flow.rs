use std::{fmt, sync::Arc};

use crate::{
    bearer::{BearerLayer, RequireScope, SessionValidator},
    model::{Clock, Lifetime, Password, PasswordHash, Realm, Scope, TokenPrefix},
    password::{CheckError, HashingPool, PasswordCheck, PasswordHasher},
    store::{TokenStore, UserStore},
    token::{Issuer, PasswordAuthenticator, PathError, TokenLayer, TokenPath, TokenService},
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
    realm: Realm,
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
            realm: Realm::default(),
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

    /// The layer that guards a service: only requests with a valid token get through.
    pub fn bearer_layer(&self) -> BearerLayer<SessionValidator<U, T>> {
        let validator = SessionValidator::new(Arc::clone(&self.users), Arc::clone(&self.tokens))
            .with_clock(self.clock.clone());
        BearerLayer::new(validator).with_realm(self.realm.clone())
    }

    /// The layer that demands a scope, to stand inside [`bearer_layer`](Self::bearer_layer).
    pub fn require_scope(&self, required: Scope) -> RequireScope<U::User> {
        RequireScope::new(required).with_realm(self.realm.clone())
    }

    /// The token endpoint as a service, to be mounted on a route.
    pub fn token_service(&self) -> TokenService<PasswordAuthenticator<U>, T> {
        TokenService::new(self.authenticator(), self.issuer())
    }

    /// The token endpoint as a layer that answers on `path` and leaves all else to the service
    /// inside.
    ///
    /// # Errors
    ///
    /// [`PathError`] if `path` is not absolute, or has a query or a fragment.
    pub fn token_layer(
        &self,
        path: &str,
    ) -> Result<TokenLayer<PasswordAuthenticator<U>, T>, PathError> {
        let path = TokenPath::new(path)?;
        Ok(TokenLayer::new(path, self.token_service()))
    }

    /// What checks passwords, to be wrapped in an [`Authenticate`](crate::token::Authenticate)
    /// that asks for more.
    pub fn authenticator(&self) -> PasswordAuthenticator<U> {
        PasswordAuthenticator::new(Arc::clone(&self.users), self.check.clone())
    }

    /// What makes tokens, for a [`TokenService`] with an authenticator of the application's own.
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
            realm: self.realm.clone(),
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
