use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use super::{Chain, ClientId, RandomError, Rotated, Rotation, Scope, Subject, Timestamp};

/// Names a [`Family`]. It is no secret: it may be shown to its user and written to a log.
///
/// A refresh token carries the secret that this is the digest of. Whoever knows the id alone can
/// therefore not make a token that points at the family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId([u8; 16]);

impl FamilyId {
    /// An id for a login that hands out no refresh token.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, RandomError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(RandomError::new)?;
        Ok(Self(id))
    }

    /// The id of the family whose refresh tokens carry `handle`.
    pub(super) fn of_handle(handle: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(handle).into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// An id that a store read back.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id as a store writes it.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FamilyId({self})")
    }
}

/// What came of one login: the tokens that were issued then, and with refresh all that followed
/// from them. They are revoked together.
///
/// To a user this is one line of "where you are logged in".
///
/// # Example
///
/// ```
/// # use tower_oauth2_password::model::{Family, FamilyId, Lifetime, Subject, Timestamp};
/// let noon = Timestamp::from_secs(43_200);
/// let family = Family::new(FamilyId::generate()?, Subject::new("42")?, noon, noon + Lifetime::HOUR)
///     .with_label("Firefox on Linux");
/// assert_eq!(family.label(), Some("Firefox on Linux"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Family {
    id: FamilyId,
    subject: Subject,
    client: Option<ClientId>,
    scope: Scope,
    label: Option<Arc<str>>,
    created_at: Timestamp,
    order: u64,
    refreshed_at: Timestamp,
    expires_at: Timestamp,
    chain: Option<Chain>,
}

impl Family {
    /// How many access tokens of one login are good at once. With one more, the oldest is revoked:
    /// a client that refreshes in a loop fills no store.
    pub const MAX_ACCESS_TOKENS: usize = 16;

    /// A login of `subject`, whose tokens are all dead at `expires_at`.
    pub fn new(
        id: FamilyId,
        subject: Subject,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id,
            subject,
            client: None,
            scope: Scope::EMPTY,
            label: None,
            created_at,
            order: 0,
            refreshed_at: created_at,
            expires_at,
            chain: None,
        }
    }

    /// Sets the client that logged in. The default is none.
    #[must_use]
    pub fn with_client(mut self, client: Option<ClientId>) -> Self {
        self.client = client;
        self
    }

    /// Sets what was granted, which refreshed tokens cannot exceed. The default is nothing.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets what the application calls this login. The default is nothing.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the order among logins of the same second: the later one has the greater number. The
    /// default is 0.
    #[must_use]
    pub fn with_order(mut self, order: u64) -> Self {
        self.order = order;
        self
    }

    /// Sets when a refresh was last seen, for a store that reads a family back. The default is
    /// the time of the login.
    #[must_use]
    pub fn with_refreshed_at(mut self, refreshed_at: Timestamp) -> Self {
        self.refreshed_at = refreshed_at;
        self
    }

    /// Sets the chain of refresh tokens. The default is none: the login cannot be refreshed.
    #[must_use]
    pub fn with_chain(mut self, chain: Chain) -> Self {
        self.expires_at = self.expires_at.max(chain.expires_at());
        self.chain = Some(chain);
        self
    }

    /// What names it.
    pub fn id(&self) -> FamilyId {
        self.id
    }

    /// Who logged in.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The client that logged in, where clients are known.
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// What was granted.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What the application calls this login.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// When the user logged in.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The order among logins of the same second.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// What sorts logins, the oldest first.
    pub(crate) fn age(&self) -> (Timestamp, u64, FamilyId) {
        (self.created_at, self.order, self.id)
    }

    /// When tokens were last issued: at the login or a refresh.
    pub fn refreshed_at(&self) -> Timestamp {
        self.refreshed_at
    }

    /// The first second in which none of its tokens is good any more, if no refresh comes.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Its refresh tokens, if it has any.
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// Whether all its tokens are dead at `now`.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Presents a refresh token: the decision of every [`TokenStore::rotate`], to be made while
    /// nobody else can change the family.
    ///
    /// After [`Rotated::Done`] the family is to be saved together with the access token of
    /// `rotation`; after [`Rotated::Replay`] it is to be revoked. Otherwise nothing changed.
    ///
    /// [`TokenStore::rotate`]: crate::store::TokenStore::rotate
    pub fn rotate(&mut self, rotation: &Rotation) -> Rotated {
        let Some(chain) = &mut self.chain else {
            return Rotated::Unknown;
        };
        let rotated = chain.rotate(rotation);
        if let Rotated::Done = rotated {
            self.refreshed_at = rotation.now();
            let last = chain.expires_at().max(rotation.session().expires_at());
            self.expires_at = self.expires_at.max(last);
        }
        rotated
    }

    /// Forgets the salts of windows that are closed at `now`. Says when the next one closes.
    pub fn forget_salts(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.chain.as_mut()?.forget_salts(now)
    }
}
