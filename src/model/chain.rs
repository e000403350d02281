use std::fmt;

use zeroize::Zeroizing;

use super::{RandomError, Session, Timestamp, TokenDigest};

/// How many windows of one chain can be open at once. A client that rotates more often than that
/// within one window finds the oldest of them closed early.
const MAX_OPEN_WINDOWS: usize = 8;

/// How a chain is written: version, digest, two times. And a window: digest, salt, time.
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 32 + 8 + 8;
const SPENT_BYTES: usize = 32 + 32 + 8;

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

    /// The chain without its windows, as a store writes it.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::model::{Chain, Timestamp, TokenDigest};
    /// let (end, digest) = (Timestamp::from_secs(60), TokenDigest::from_bytes([7; 32]));
    /// let chain = Chain::new(digest, end, end);
    /// let read = Chain::from_bytes(&chain.to_bytes(), &chain.windows_to_bytes())?;
    /// assert_eq!(read.current(), digest);
    /// # Ok::<(), tower_oauth2_password::model::ChainError>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.push(VERSION);
        bytes.extend(self.current.as_bytes());
        bytes.extend(self.expires_at.as_secs().to_be_bytes());
        bytes.extend(self.ends_at.as_secs().to_be_bytes());
        bytes
    }

    /// The open windows, as a store writes them; nothing if there are none. They hold the salts,
    /// so they are to be deleted after [`windows_end_at`](Self::windows_end_at).
    pub fn windows_to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Sized in advance: growing would leave a copy behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.spent.len() * SPENT_BYTES));
        for spent in &self.spent {
            bytes.extend(spent.digest.as_bytes());
            bytes.extend(spent.salt.as_bytes());
            bytes.extend(spent.until.as_secs().to_be_bytes());
        }
        bytes
    }

    /// When the last open window closes.
    pub fn windows_end_at(&self) -> Option<Timestamp> {
        self.spent.iter().map(|spent| spent.until).max()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) and [`windows_to_bytes`](Self::windows_to_bytes)
    /// wrote.
    ///
    /// # Errors
    ///
    /// [`ChainError`] if they were not written by this crate.
    pub fn from_bytes(chain: &[u8], windows: &[u8]) -> Result<Self, ChainError> {
        let mut head = Reader(chain);
        if head.take::<1>()? != [VERSION] || windows.len() > MAX_OPEN_WINDOWS * SPENT_BYTES {
            return Err(ChainError);
        }
        let mut chain = Self {
            current: head.digest()?,
            expires_at: head.timestamp()?,
            ends_at: head.timestamp()?,
            spent: Vec::new(),
        };
        let mut windows = Reader(windows);
        while !windows.0.is_empty() {
            chain.spent.push(Spent {
                digest: windows.digest()?,
                salt: Salt(Box::new(Zeroizing::new(windows.take()?))),
                until: windows.timestamp()?,
            });
        }
        head.0.is_empty().then_some(chain).ok_or(ChainError)
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

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ChainError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ChainError)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn digest(&mut self) -> Result<TokenDigest, ChainError> {
        self.take().map(TokenDigest::from_bytes)
    }

    fn timestamp(&mut self) -> Result<Timestamp, ChainError> {
        let secs = self.take().map(u64::from_be_bytes)?;
        Ok(Timestamp::from_secs(secs))
    }
}

/// The bytes are no [`Chain`] that this crate wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainError;

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored chain of refresh tokens cannot be read")
    }
}

impl std::error::Error for ChainError {}

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
pub struct Salt(pub(super) Box<Zeroizing<[u8; 32]>>);

impl Salt {
    /// A salt for one rotation.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, RandomError> {
        // Boxed, so that whatever moves it leaves no copy behind.
        let mut salt = Box::new(Zeroizing::new([0; 32]));
        getrandom::fill(&mut **salt).map_err(RandomError::new)?;
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
