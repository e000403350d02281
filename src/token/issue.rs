use std::{fmt, sync::Arc};

use super::{Identity, IssueFault, TokenError};
use crate::{
    model::{AccessToken, Clock, Lifetime, Scope, Session, TokenPrefix},
    store::{Inserted, TokenStore},
};

/// Makes access tokens and saves their sessions.
pub struct Issuer<T> {
    tokens: Arc<T>,
    clock: Clock,
    lifetime: Lifetime,
    prefix: TokenPrefix,
}

/// A token that was saved, on its way to the client.
#[derive(Debug)]
pub struct Issued {
    pub(super) token: AccessToken,
    pub(super) lifetime: Lifetime,
    pub(super) scope: Scope,
}

impl Issued {
    /// The token in clear.
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// How long it lives.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// What it allows.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<T: TokenStore> Issuer<T> {
    /// Saves sessions in `tokens`. Tokens live an hour and have no prefix.
    pub fn new(tokens: Arc<T>) -> Self {
        let prefix = TokenPrefix::default();
        Self {
            tokens,
            clock: Clock::system(),
            lifetime: Lifetime::HOUR,
            prefix,
        }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how long tokens live. The default is one hour, the longest that RFC 6750 §5.3
    /// recommends.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets what tokens begin with. The default is nothing.
    #[must_use]
    pub fn with_prefix(mut self, prefix: TokenPrefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// Makes a token for `identity` that allows all of its scope. It is saved before it is
    /// returned.
    ///
    /// For a login by other means than a password, once the application has made sure of it.
    ///
    /// # Errors
    ///
    /// [`TokenError::Unavailable`] if the store failed, [`TokenError::NotIssued`] without random
    /// bytes.
    pub async fn issue(&self, identity: Identity) -> Result<Issued, TokenError> {
        let token = AccessToken::generate(&self.prefix).map_err(IssueFault::Random)?;
        let now = self.clock.now();
        let scope = identity.scope().clone();
        let session = Session::new(identity.subject().clone(), now, now + self.lifetime)
            .with_scope(scope.clone());
        match self.tokens.insert(token.digest(), session).await? {
            Inserted::Saved => Ok(Issued {
                token,
                lifetime: self.lifetime,
                scope,
            }),
            Inserted::Taken => Err(IssueFault::Repeated.into()),
        }
    }
}

impl From<IssueFault> for TokenError {
    fn from(fault: IssueFault) -> Self {
        Self::NotIssued(fault)
    }
}

impl<T> Clone for Issuer<T> {
    fn clone(&self) -> Self {
        Self {
            tokens: Arc::clone(&self.tokens),
            clock: self.clock.clone(),
            lifetime: self.lifetime,
            prefix: self.prefix.clone(),
        }
    }
}

impl<T> fmt::Debug for Issuer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("clock", &self.clock)
            .field("lifetime", &self.lifetime)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
