use super::{ClientId, FamilyId, Scope, Subject, Timestamp};

/// What a store keeps about an access token: whom it speaks for, what it allows, until when.
///
/// A clone allocates nothing.
///
/// # Example
///
/// ```
/// # use tower_oauth2_password::model::{Lifetime, Session, Subject, Timestamp};
/// let noon = Timestamp::from_secs(43_200);
/// let session = Session::new(Subject::new("42")?, noon, noon + Lifetime::HOUR)
///     .with_scope("me items:read".parse()?);
///
/// assert!(!session.is_expired_at(noon));
/// assert!(session.is_expired_at(noon + Lifetime::HOUR));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub(crate) subject: Subject,
    pub(crate) client: Option<ClientId>,
    pub(crate) scope: Scope,
    pub(crate) family: Option<FamilyId>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Session {
    /// A session of `subject` with no scope.
    pub fn new(subject: Subject, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            subject,
            client: None,
            scope: Scope::EMPTY,
            family: None,
            issued_at,
            expires_at,
        }
    }

    /// Sets what the token allows. The default is nothing beyond being logged in.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the client that the token was issued to. The default is none.
    #[must_use]
    pub fn with_client(mut self, client: Option<ClientId>) -> Self {
        self.client = client;
        self
    }

    /// Sets the login that the token came of. The default is none, for tokens from elsewhere.
    #[must_use]
    pub fn with_family(mut self, family: FamilyId) -> Self {
        self.family = Some(family);
        self
    }

    /// Whom the token speaks for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the token allows.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The client that the token was issued to, where clients are known.
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// The login that the token came of, to be revoked as a whole. Every token that was issued
    /// here has one.
    pub fn family(&self) -> Option<FamilyId> {
        self.family
    }

    /// When the token was issued.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The first second in which the token is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether the token is dead at `now`. `expires_in` counts full seconds
    /// (RFC 6749 §5.1), so the second of [`expires_at`](Self::expires_at) is already over.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}
