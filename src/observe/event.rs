use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};

use crate::model::{ClientId, FamilyId, Source, Subject, Timestamp};

/// An [`Event`], with when it was, from where, and through which client.
///
/// There is no secret in it: no password, token, hash or client secret, nor a digest of one. It is
/// owned, so that a hook can send it on.
#[derive(Clone, Debug)]
pub struct Record {
    pub(super) event: Event,
    pub(super) at: Timestamp,
    pub(super) source: Option<Source>,
    pub(super) client: Option<ClientId>,
}

impl Record {
    /// What happened, to whom, and why.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// From where: what `with_source` said of the request. `None` without it, and for what the
    /// application did itself.
    pub fn source(&self) -> Option<Source> {
        self.source
    }

    /// Which client asked, if clients are known and it proved who it is.
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }
}

/// What happened (OWASP ASVS 16.3.1, 16.3.2, 16.3.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A user logged in with a password (RFC 6749 §4.3).
    LoggedIn {
        /// Whose account it is.
        subject: Subject,
        /// The new login.
        family: FamilyId,
    },
    /// A login failed.
    LoginFailed {
        /// As whom.
        name: ClaimedName,
        /// Why.
        cause: Cause,
    },
    /// A login was carried on (RFC 6749 §6).
    Refreshed {
        /// Whose login it is.
        subject: Subject,
        /// The login.
        family: FamilyId,
    },
    /// A refresh failed.
    RefreshFailed {
        /// The login that the token named, if there is one: the token need not have been one of
        /// its own.
        login: Option<(Subject, FamilyId)>,
        /// Why.
        cause: Cause,
    },
    /// A spent refresh token came back, so its login was revoked: the token was stolen, or a
    /// client keeps old ones.
    Replayed {
        /// Whose login it was.
        subject: Subject,
        /// The login.
        family: FamilyId,
    },
    /// Tokens were revoked before their time.
    Revoked {
        /// Whose they were, if that is known.
        subject: Option<Subject>,
        /// The login, if it was one. `None` also for what belongs to none.
        family: Option<FamilyId>,
        /// How many logins that ended: 0 if it was one access token of a login that goes on.
        logins: usize,
        /// By whom.
        reason: RevocationReason,
    },
    /// An attempt came too early after failures: nothing was checked.
    Throttled {
        /// What was tried: `password`, `client` or `token`.
        kind: &'static str,
        /// As whom; `None` for a token, which has no name.
        name: Option<ClaimedName>,
        /// How long to wait.
        wait: Duration,
    },
    /// A client did not prove who it is (RFC 6749 §2.3).
    ClientFailed {
        /// As whom; `None` if its credentials could not be read.
        name: Option<ClaimedName>,
        /// Why.
        cause: Cause,
    },
    /// A request with an access token was turned away.
    TokenRefused {
        /// Whose token it is, if it is a good one that does not allow enough.
        subject: Option<Subject>,
        /// Why.
        cause: Cause,
    },
    /// A stored password hash is malformed or too costly: its owner cannot log in until it is
    /// replaced.
    StoredHashRefused {
        /// Whose.
        subject: Subject,
    },
}

impl Event {
    /// The event's name, as log lines have it in `event.name`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LoggedIn { .. } => "oauth2.login",
            Self::LoginFailed { .. } => "oauth2.login_failed",
            Self::Refreshed { .. } => "oauth2.refresh",
            Self::RefreshFailed { .. } => "oauth2.refresh_failed",
            Self::Replayed { .. } => "oauth2.replay",
            Self::Revoked { .. } => "oauth2.revocation",
            Self::Throttled { .. } => "oauth2.throttled",
            Self::ClientFailed { .. } => "oauth2.client_failed",
            Self::TokenRefused { .. } => "oauth2.token_refused",
            Self::StoredHashRefused { .. } => "oauth2.stored_hash_refused",
        }
    }

    /// Whose account, login or token it is about, if that is known.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::LoggedIn { subject, .. }
            | Self::Refreshed { subject, .. }
            | Self::Replayed { subject, .. }
            | Self::StoredHashRefused { subject } => Some(subject),
            Self::RefreshFailed { login, .. } => login.as_ref().map(|(subject, _)| subject),
            Self::Revoked { subject, .. } | Self::TokenRefused { subject, .. } => subject.as_ref(),
            Self::LoginFailed { .. } | Self::Throttled { .. } | Self::ClientFailed { .. } => None,
        }
    }

    /// The login that it is about, if that is known.
    pub fn family(&self) -> Option<FamilyId> {
        match self {
            Self::LoggedIn { family, .. }
            | Self::Refreshed { family, .. }
            | Self::Replayed { family, .. } => Some(*family),
            Self::RefreshFailed { login, .. } => login.as_ref().map(|(_, family)| *family),
            Self::Revoked { family, .. } => *family,
            _ => None,
        }
    }

    /// As whom somebody tried, where nothing proved it.
    pub fn claimed_name(&self) -> Option<&ClaimedName> {
        match self {
            Self::LoginFailed { name, .. } => Some(name),
            Self::Throttled { name, .. } | Self::ClientFailed { name, .. } => name.as_ref(),
            _ => None,
        }
    }

    /// Why it failed, if it did.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::LoginFailed { cause, .. }
            | Self::RefreshFailed { cause, .. }
            | Self::ClientFailed { cause, .. }
            | Self::TokenRefused { cause, .. } => Some(*cause),
            _ => None,
        }
    }
}

/// Why something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Password, secret or token is wrong or over, or there is no such account or client.
    Wrong,
    /// The request is malformed.
    Malformed,
    /// It may not do or have that.
    NotAllowed,
    /// A token outside the header, in a request that another site may have caused.
    CrossSite,
    /// The application's own [`Authenticate`](crate::token::Authenticate) said no.
    Application,
    /// Too many password checks are waiting: nothing was checked.
    Busy,
    /// A store, or whoever else had to be asked, failed.
    Unavailable,
    /// Something else failed here.
    Failed,
}

impl Cause {
    /// The word for it, as log lines have it in `error.type` and metrics in their labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Malformed => "malformed",
            Self::NotAllowed => "not_allowed",
            Self::CrossSite => "cross_site",
            Self::Application => "application",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

/// Why tokens were revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationReason {
    /// A client asked for it (RFC 7009).
    Client,
    /// The application asked for it: `revoke_family`, `revoke_subject`.
    Application,
    /// `password_changed`.
    PasswordChanged,
    /// `account_disabled`.
    AccountDisabled,
    /// A newer login needed the place (`with_session_cap`).
    SessionCap,
}

impl RevocationReason {
    /// The word for it, as metrics have it in the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Application => "application",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::SessionCap => "session_cap",
        }
    }
}

/// A username or client id that nobody proved to have.
///
/// People type their password into the field for the name (OWASP ASVS 16.2.5), so `Display` and
/// `Debug` show a [fingerprint](Self::fingerprint) only, and [`expose`](Self::expose) the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimedName(Box<str>);

impl ClaimedName {
    /// From here on a name is cut off.
    const MAX_CHARS: usize = 255;

    pub(crate) fn new(name: &str) -> Self {
        Self(name.chars().take(Self::MAX_CHARS).collect())
    }

    /// The text as it was sent: what an audit of one account needs. It may hold what its sender
    /// likes; from 255 **characters** on it is cut off.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Eight hexadecimal digits: the same for the same name, on each node and after each start.
    pub fn fingerprint(&self) -> String {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let [a, b, c, d, ..] = digest;
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for ClaimedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl fmt::Debug for ClaimedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimedName({self})")
    }
}
