#[cfg(any(target_os = "android", target_os = "linux"))]
mod coarse;
#[cfg(not(any(target_os = "android", target_os = "linux")))]
#[path = "exact.rs"]
mod coarse;

use std::{
    fmt,
    ops::Add,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::Lifetime;

/// A point in time: whole **seconds** since 1970-01-01T00:00:00Z, as in JSON Web Tokens and
/// introspection answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point `secs` **seconds** after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// The number of **seconds** since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }
}

/// Saturates: a time too far away to write down is the last one that can be.
impl Add<Lifetime> for Timestamp {
    type Output = Self;

    fn add(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_add(u64::from(lifetime.as_secs())))
    }
}

/// Tells the time: the system's, or one that a test sets by hand.
///
/// Clones of a manual clock show the same time.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_oauth2_password::model::{Clock, Timestamp};
///
/// let clock = Clock::manual(Timestamp::from_secs(1_000));
/// let seen_by_the_flow = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(seen_by_the_flow.now(), Timestamp::from_secs(1_060));
/// ```
#[derive(Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The clock of the operating system.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until [`advance`](Self::advance) moves it.
    pub fn manual(start: Timestamp) -> Self {
        let manual = Some(Arc::new(AtomicU64::new(start.0)));
        Self { manual }
    }

    /// Moves a manual clock, and all its clones, forward by full seconds. The system's clock
    /// does not listen.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.manual {
            manual.fetch_add(by.as_secs(), Ordering::AcqRel);
        }
    }

    /// Tells what happens later within a second from what happens earlier: the nanoseconds of the
    /// system's clock, whatever this clock shows.
    pub(crate) fn order() -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    /// The time now. A system clock set before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        self.shown().unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            Timestamp(now.map_or(0, |since| since.as_secs()))
        })
    }

    /// [`now`](Self::now), or as of the last tick of the kernel's timer, where the system can tell
    /// that in a third of the time. For what every request asks.
    pub(crate) fn lately(&self) -> Timestamp {
        self.shown().unwrap_or_else(coarse::now)
    }

    /// What a manual clock shows.
    fn shown(&self) -> Option<Timestamp> {
        let manual = self.manual.as_ref()?;
        Some(Timestamp(manual.load(Ordering::Acquire)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.manual {
            Some(_) => write!(f, "Clock::manual({})", self.now().0),
            None => f.write_str("Clock::system"),
        }
    }
}
