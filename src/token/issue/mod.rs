mod refresh;

use std::{fmt, num::NonZeroUsize, sync::Arc};

use crate::{
    model::{
        AccessToken, Chain, Clock, Family, FamilyId, Lifetime, RefreshToken, Scope, Session,
        Subject, TokenPrefix,
    },
    observe::asked,
    store::{Client, GrantType, Inserted, StoreError, TokenStore},
    token::{Identity, IssueFault, Refresh, TokenError},
};

/// The most characters of a label: a browser's name has up to 150.
const MAX_LABEL_CHARS: usize = 200;

/// Makes tokens and saves the logins that they belong to.
pub struct Issuer<T> {
    tokens: Arc<T>,
    clock: Clock,
    lifetime: Lifetime,
    prefix: TokenPrefix,
    refresh: Option<Refresh>,
    session_cap: Option<NonZeroUsize>,
}

/// Tokens that were saved, on their way to the client.
///
/// The token endpoint leaves a copy in the extensions of its response.
#[derive(Clone, Debug)]
pub struct Issued {
    pub(in crate::token) access: AccessToken,
    pub(in crate::token) refresh: Option<RefreshToken>,
    pub(in crate::token) lifetime: Lifetime,
    pub(in crate::token) scope: Scope,
}

/// A login that was saved, and what became of older ones.
pub(in crate::token) struct Login {
    pub(in crate::token) issued: Issued,
    pub(in crate::token) subject: Subject,
    pub(in crate::token) family: FamilyId,
    /// Those that had to make room.
    pub(in crate::token) ended: Vec<FamilyId>,
}

impl Issued {
    /// The access token in clear.
    pub fn token(&self) -> &AccessToken {
        &self.access
    }

    /// The refresh token in clear, if the login can be refreshed.
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh.as_ref()
    }

    /// How long the access token lives.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// What the access token allows.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<T: TokenStore> Issuer<T> {
    /// Saves logins in `tokens`. Access tokens live an hour and have no prefix; there are no
    /// refresh tokens.
    pub fn new(tokens: Arc<T>) -> Self {
        Self {
            tokens,
            clock: Clock::system(),
            lifetime: Lifetime::HOUR,
            prefix: TokenPrefix::default(),
            refresh: None,
            session_cap: None,
        }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how long access tokens live. The default is one hour, the longest that RFC 6750 §5.3
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

    /// Hands out refresh tokens. The default is not to.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// Sets how many logins a user can have at once; with one more, the oldest is revoked. The
    /// default is no such limit. Logins in the same moment do not count each other; the next one
    /// makes up for it.
    #[must_use]
    pub fn with_session_cap(mut self, cap: NonZeroUsize) -> Self {
        self.session_cap = Some(cap);
        self
    }

    /// Makes tokens for `identity` that allow all of its scope. They are saved before they are
    /// returned.
    ///
    /// For a login by other means than a password, once the application has made sure of it. Where
    /// clients are known, [`issue_to`](Self::issue_to) is needed: a login of no client cannot be
    /// refreshed there.
    ///
    /// # Errors
    ///
    /// [`TokenError::Unavailable`] if the store failed, [`TokenError::NotIssued`] without random
    /// bytes.
    pub async fn issue(&self, identity: Identity) -> Result<Issued, TokenError> {
        self.issue_to(identity, None).await
    }

    /// As [`issue`](Self::issue), for a login through `client`, whose scope is not looked at.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn issue_to(
        &self,
        identity: Identity,
        client: Option<&Client>,
    ) -> Result<Issued, TokenError> {
        Ok(self.log_in(&identity, client).await?.issued)
    }

    pub(in crate::token) async fn log_in(
        &self,
        identity: &Identity,
        client: Option<&Client>,
    ) -> Result<Login, TokenError> {
        let ended = self.too_many(identity.subject()).await?;
        let (id, issued) = self.save(identity, client).await?;
        if !identity.still_holds().await? {
            self.revoke(id).await?;
            return Err(StoreError::new("the account was changed during the login").into());
        }
        for id in &ended {
            self.revoke(*id).await?;
        }
        Ok(Login {
            issued,
            subject: identity.subject().clone(),
            family: id,
            ended,
        })
    }

    async fn revoke(&self, id: FamilyId) -> Result<bool, StoreError> {
        asked::<T, _, _>("revoke_family", self.tokens.revoke_family(id)).await
    }

    async fn save(
        &self,
        identity: &Identity,
        client: Option<&Client>,
    ) -> Result<(FamilyId, Issued), TokenError> {
        let now = self.clock.now();
        let policy = self.refresh.as_ref();
        let policy =
            policy.filter(|_| client.is_none_or(|client| client.may_use(GrantType::RefreshToken)));
        let refresh = policy.map(|_| RefreshToken::generate(&self.prefix));
        let refresh = refresh.transpose().map_err(IssueFault::Random)?;
        let id = match &refresh {
            Some(refresh) => refresh.family(),
            None => FamilyId::generate().map_err(IssueFault::Random)?,
        };

        let access = AccessToken::generate(&self.prefix).map_err(IssueFault::Random)?;
        let scope = identity.scope().clone();
        let client = client.map(|client| client.id().clone());
        let mut expires_at = now + self.lifetime;
        if let Some(policy) = policy {
            expires_at = expires_at.min(policy.ends_at(now));
        }
        let mut family = Family::new(id, identity.subject().clone(), now, expires_at)
            .with_client(client.clone())
            .with_scope(scope.clone())
            .with_order(Clock::order());
        if let Some(label) = identity.label() {
            let label: String = label.chars().take(MAX_LABEL_CHARS).collect();
            family = family.with_label(label);
        }
        if let (Some(policy), Some(refresh)) = (policy, &refresh) {
            let (expires_at, ends_at) = (policy.expires_at(now), policy.ends_at(now));
            family = family.with_chain(Chain::new(refresh.digest(), expires_at, ends_at));
        }
        let session = Session::new(identity.subject().clone(), now, expires_at)
            .with_client(client)
            .with_scope(scope)
            .with_family(id);
        let digest = access.digest();
        let saved = self.tokens.insert(family, digest, session.clone());
        let saved = asked::<T, _, _>("insert", saved).await?;
        match saved {
            Inserted::Saved => Ok((id, self.issued(access, refresh, &session)?)),
            Inserted::Taken => Err(IssueFault::Repeated.into()),
        }
    }

    /// The logins that have to make room for one more.
    async fn too_many(&self, subject: &Subject) -> Result<Vec<FamilyId>, TokenError> {
        let Some(cap) = self.session_cap else {
            return Ok(Vec::new());
        };
        let now = self.clock.now();
        let families = self.tokens.find_families(subject);
        let mut families = asked::<T, _, _>("find_families", families).await?;
        families.retain(|family| !family.is_expired_at(now));
        families.sort_by_key(Family::age);
        let room = (families.len() + 1).saturating_sub(cap.get());
        Ok(families[..room].iter().map(Family::id).collect())
    }

    pub(in crate::token) async fn find_family(
        &self,
        id: FamilyId,
    ) -> Result<Option<Family>, TokenError> {
        Ok(asked::<T, _, _>("find_family", self.tokens.find_family(id)).await?)
    }

    pub(in crate::token) fn refreshes(&self) -> bool {
        self.refresh.is_some()
    }

    pub(in crate::token) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn issued(
        &self,
        access: AccessToken,
        refresh: Option<RefreshToken>,
        session: &Session,
    ) -> Result<Issued, TokenError> {
        // A clock that was set back does not make a token live longer than it was given.
        let now = self.clock.now().max(session.issued_at());
        let lifetime = Lifetime::between(now, session.expires_at());
        Ok(Issued {
            access,
            refresh,
            lifetime: lifetime.ok_or(TokenError::InvalidToken)?,
            scope: session.scope().clone(),
        })
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
            refresh: self.refresh.clone(),
            session_cap: self.session_cap,
        }
    }
}

impl<T> fmt::Debug for Issuer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("clock", &self.clock)
            .field("lifetime", &self.lifetime)
            .field("prefix", &self.prefix)
            .field("refresh", &self.refresh)
            .field("session_cap", &self.session_cap)
            .finish_non_exhaustive()
    }
}
