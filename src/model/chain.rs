use std::fmt;

use zeroize::Zeroizing;

use super::{RandomError, Session, Timestamp, TokenDigest};

/// How many windows of one chain can be open at once. A client that rotates more often than that
/// within one window finds the oldest of them closed early.
const MAX_OPEN_WINDOWS: usize = 8;

/// The refresh tokens of one login: one that is good, and those just spent whose grace window is
/// still open.
///
/// Any other token that points here has been spent long ago, so it is a replay.
#[derive(Clone, Debug)]
pub struct Chain {
    current: TokenDigest,
    expires_at: Timestamp,
    ends_at: Timestamp,
    spent: Vec<Spent>,
}

/// A refresh token inside its grace window.
#[derive(Clone, Debug)]
struct Spent {
    digest: TokenDigest,
    salt: Salt,
    until: Timestamp,
}

impl Chain {
    /// A chain that begins with the refresh token of digest `current`. Unused, it is dead at
    /// `expires_at`; no refresh takes it past `ends_at`.
    pub fn new(current: TokenDigest, expires_at: Timestamp, ends_at: Timestamp) -> Self {
        Self {
            current,
            expires_at: expires_at.min(ends_at),
            ends_at,
            spent: Vec::new(),
        }
    }

    /// The digest of the one refresh token that is good.
    pub fn current(&self) -> TokenDigest {
        self.current
    }

    /// The first second in which it is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The second that no refresh goes past.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// What presenting the token of `digest` at `now` would come to, without doing it.
    pub fn judge(&self, digest: TokenDigest, now: Timestamp) -> Standing {
        if digest == self.current {
            if now >= self.expires_at {
                return Standing::Expired;
            }
            return Standing::Current;
        }
        let open = |spent: &&Spent| spent.digest == digest && now < spent.until;
        match self.spent.iter().find(open) {
            Some(spent) => Standing::InWindow(spent.salt.clone()),
            None => Standing::Spent,
        }
    }

    pub(super) fn rotate(&mut self, rotation: &Rotation) -> Rotated {
        match self.judge(rotation.presented, rotation.now) {
            Standing::Current => {}
            Standing::InWindow(salt) => return Rotated::Again(salt),
            Standing::Spent => return Rotated::Replay,
            Standing::Expired => return Rotated::Unknown,
        }
        self.forget_salts(rotation.now);
        if rotation.window_ends_at > rotation.now {
            if self.spent.len() == MAX_OPEN_WINDOWS {
                self.spent.remove(0);
            }
            self.spent.push(Spent {
                digest: self.current,
                salt: rotation.salt.clone(),
                until: rotation.window_ends_at,
            });
        }
        self.current = rotation.successor;
        self.expires_at = rotation.refresh_expires_at.min(self.ends_at);
        Rotated::Done
    }

    pub(super) fn forget_salts(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.spent.retain(|spent| now < spent.until);
        self.spent.iter().map(|spent| spent.until).min()
    }
}

/// What a refresh token is to the chain that it points at.
#[derive(Clone, Debug)]
pub enum Standing {
    /// The one that is good.
    Current,
    /// The one that would be good, had it not expired.
    Expired,
    /// Spent, and its grace window is open: the same successors are due again.
    InWindow(Salt),
    /// Spent, and its grace window is closed.
    Spent,
}

/// One refresh, to be done by a store in one atomic step.
#[derive(Clone, Debug)]
pub struct Rotation {
    presented: TokenDigest,
    now: Timestamp,
    successor: TokenDigest,
    refresh_expires_at: Timestamp,
    access: TokenDigest,
    session: Session,
    salt: Salt,
    window_ends_at: Timestamp,
}

impl Rotation {
    /// Spends the refresh token of digest `presented` for one of digest `successor`, which
    /// expires at `refresh_expires_at`, and an access token of digest `access` with `session`.
    ///
    /// The time is that of [`Session::issued_at`].
    pub fn new(
        presented: TokenDigest,
        successor: TokenDigest,
        refresh_expires_at: Timestamp,
        access: TokenDigest,
        session: Session,
        salt: Salt,
    ) -> Self {
        let now = session.issued_at();
        Self {
            presented,
            now,
            successor,
            refresh_expires_at,
            access,
            session,
            salt,
            window_ends_at: now,
        }
    }

    /// Sets until when the spent token gets the same successors again. The default is no window.
    ///
    /// A window ends with the access token at the latest, so that what is handed out again is
    /// still good.
    #[must_use]
    pub fn with_window_until(mut self, ends_at: Timestamp) -> Self {
        self.window_ends_at = ends_at.min(self.session.expires_at());
        self
    }

    /// The time of the refresh.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The digest under which the new access token is to be found.
    pub fn access(&self) -> TokenDigest {
        self.access
    }

    /// What is to be kept about the new access token.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// When the grace window closes; [`now`](Self::now) if there is none.
    pub fn window_ends_at(&self) -> Timestamp {
        self.window_ends_at
    }
}

/// What came of presenting a refresh token.
#[derive(Clone, Debug)]
#[must_use]
pub enum Rotated {
    /// It was good and is spent now. Its successors are saved.
    Done,
    /// It was spent a moment ago, inside the grace window. Its successors are those of this salt.
    Again(Salt),
    /// It was spent before. The family is revoked.
    Replay,
    /// There is no such family, or it has expired.
    Unknown,
}

/// 256 random bits that make the successors of a refresh token, together with the token itself.
///
/// Kept by the store until the grace window closes. `Debug` shows `(..)` and the memory is wiped
/// on drop.
#[derive(Clone)]
pub struct Salt(pub(super) Zeroizing<[u8; 32]>);

impl Salt {
    /// A salt for one rotation.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, RandomError> {
        let mut salt = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *salt).map_err(RandomError::new)?;
        Ok(Self(salt))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}
