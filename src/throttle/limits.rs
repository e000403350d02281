use std::time::Duration;

/// How much may fail, and how long whoever goes on has to wait.
///
/// After [`free`](Self::with_free) failures the next costs a second of waiting, and each further one
/// twice as much, up to the [`longest`](Self::with_longest) wait. A failure is forgotten each time
/// that so much time [has passed](Self::with_forgiveness), and all of them after a longer
/// [quiet](Self::with_memory). Times are whole **seconds**; what is shorter counts as one, and what
/// is longer than ten years as ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub(super) free: u32,
    pub(super) longest: u64,
    pub(super) memory: u64,
    pub(super) every: u64,
}

/// Ten years. Lua counts in floating point.
const MOST_SECONDS: u64 = 315_360_000;
/// So many failures more than are free cost as much as can be asked for. No more are counted, so
/// that an attack that lasted for weeks is not held against a name for weeks.
const MOST_DOUBLINGS: u32 = 32;

fn seconds(duration: Duration) -> u64 {
    duration.as_secs().clamp(1, MOST_SECONDS)
}

impl Limit {
    /// `free` failures for nothing, then waits up to `longest`. One failure is forgotten after each
    /// `longest`, and all after an hour.
    pub fn new(free: u32, longest: Duration) -> Self {
        let limit = Self::of(0, 1, 3600, 1);
        let limit = limit.with_free(free).with_longest(longest);
        limit.with_forgiveness(longest)
    }

    const fn of(free: u32, longest: u64, memory: u64, every: u64) -> Self {
        Self {
            free,
            longest,
            memory,
            every,
        }
    }

    /// Sets how many failures cost nothing, up to a million.
    #[must_use]
    pub fn with_free(mut self, free: u32) -> Self {
        self.free = free.min(1_000_000);
        self
    }

    /// Sets the longest wait.
    #[must_use]
    pub fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = seconds(longest);
        self
    }

    /// Sets after how much time without any try all is forgotten.
    #[must_use]
    pub fn with_memory(mut self, quiet: Duration) -> Self {
        self.memory = seconds(quiet);
        self
    }

    /// Sets after how much time one failure is forgotten, whatever else is tried. In the long run
    /// this is how often somebody may fail.
    #[must_use]
    pub fn with_forgiveness(mut self, every: Duration) -> Self {
        self.every = seconds(every);
        self
    }

    /// How long to wait after failures of such a weight.
    pub(super) fn delay(&self, weight: u32) -> u64 {
        let Some(over) = weight.checked_sub(self.free + 1) else {
            return 0;
        };
        (1_u64 << over.min(MOST_DOUBLINGS)).min(self.longest)
    }

    pub(super) fn most(&self) -> u32 {
        self.free + MOST_DOUBLINGS
    }
}

/// What a throttle counts, and how much of it is too much.
///
/// | what fails | for nothing | then | one is forgotten | all are forgotten |
/// | --- | --- | --- | --- | --- |
/// | one name at one source | 5 | 1 s, 2 s, 4 s, ... up to 15 minutes | | by a success, or after a quiet hour |
/// | any names at one source | 50 | 1 s, 2 s, ... up to 30 s | every 30 s | after 15 quiet minutes |
/// | tokens at one source | 200 | the same | every 30 s | after 15 quiet minutes |
/// | one name at any sources | 20 | 1 s to 10 s before each try, at each source | every 45 s | after 15 quiet minutes |
///
/// A person who mistypes a password six times waits a second, then two. Go's OAuth client sends each
/// failed login twice, so its user waits after the third. Whoever guesses at an account from one
/// place gets through about 15 guesses in the first quarter of an hour and 4 or 5 in each hour after
/// it; the account's owner, at another place, waits 10 seconds at most. An office behind one address
/// waits when more than 50 of its logins fail within minutes (25 mistyped passwords with Go's
/// client): give it more with [`with_source`](Self::with_source). Nobody is locked out.
///
/// A try whose end is not known yet weighs a quarter of a failure while there are not too many of
/// these: a crowd of good logins is no attack. It is forgotten after a minute or two if nobody tells
/// its end.
///
/// Nodes that share a count are given the same limits.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_oauth2_password::throttle::{Limit, Limits, MemoryThrottle};
///
/// // Three thousand people behind one address.
/// let office = Limit::new(1_000, Duration::from_secs(5));
/// let throttle = MemoryThrottle::new().with_limits(Limits::default().with_source(office));
/// # let _ = throttle;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) pair: Limit,
    pub(super) source: Limit,
    pub(super) tokens: Limit,
    pub(super) name: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pair: Limit::of(5, 900, 3600, 3600),
            source: Limit::of(50, 30, 900, 30),
            // More, as clients keep old ones.
            tokens: Limit::of(200, 30, 900, 30),
            name: Limit::of(20, 10, 900, 45),
        }
    }
}

impl Limits {
    /// Sets the limit of one name, or client, at one source. The default is 5 failures for nothing,
    /// then up to 15 minutes; an hour without a try forgets them.
    #[must_use]
    pub fn with_pair(mut self, limit: Limit) -> Self {
        self.pair = limit;
        self
    }

    /// Sets the limit of one source, whatever names it tries. The default is 50 failures for
    /// nothing, then up to 30 seconds; one is forgotten every 30 seconds.
    #[must_use]
    pub fn with_source(mut self, limit: Limit) -> Self {
        self.source = limit;
        self
    }

    /// Sets the limit of one source that presents tokens which are none. The default is 200, and
    /// else that of a source.
    #[must_use]
    pub fn with_tokens(mut self, limit: Limit) -> Self {
        self.tokens = limit;
        self
    }

    /// Sets the limit of one username, wherever it is tried. The default is 20 failures for nothing;
    /// then **every** source, that of the owner too, waits up to 10 seconds before each try.
    #[must_use]
    pub fn with_name(mut self, limit: Limit) -> Self {
        self.name = limit;
        self
    }

    /// That of the source of such an attempt.
    pub(super) fn of_source(&self, kind: super::AttemptKind) -> &Limit {
        match kind {
            super::AttemptKind::Token => &self.tokens,
            _ => &self.source,
        }
    }
}

/// For how many **seconds** after its time a turn may be used.
pub(super) const TURN_LASTS: u64 = 60;
/// For how many **seconds** a try may take. What is open for longer is forgotten.
pub(super) const TRY_LASTS: u64 = 60;
/// So many open tries weigh as much as one failure.
pub(super) const OPEN_PER_FAILURE: u32 = 4;
