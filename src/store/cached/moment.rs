use std::{
    ops::Add,
    sync::LazyLock,
    time::{Duration, Instant},
};

use coarsetime::{Duration as CoarseDuration, Instant as CoarseInstant};

/// By how much the coarse clock may lag: 10 ms where the kernel ticks 100 times a second, 16 ms on
/// Windows. Where a virtual machine is held up for longer, an answer gets as much older.
const LAG: Duration = Duration::from_millis(20);

/// Where the exact clock begins.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A point in time by the exact clock: nanoseconds since it began, plus one. Good for five
/// centuries, in 64 bits, as they are compared at every hit and change hands atomically.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exact(pub(super) u64);

impl Exact {
    /// Before anything was.
    pub(super) const NEVER: Self = Self(0);

    pub(super) fn now() -> Self {
        let nanos = BEGAN.elapsed().as_nanos();
        Self(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_add(1))
    }

    fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Exact {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let later = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(later))
    }
}

/// A point in time by two clocks: the exact one, and one that is read in a quarter of the time,
/// as reading the exact one would be a quarter of what a hit costs.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    exact: Exact,
    coarse: CoarseInstant,
}

impl Moment {
    pub(super) fn now() -> Self {
        // In this order: should the thread be held up in between, it seems older than it is.
        let coarse = CoarseInstant::now_without_cache_update();
        let exact = Exact::now();
        Self { exact, coarse }
    }

    /// When it was by the exact clock.
    pub(super) fn exact(self) -> Exact {
        self.exact
    }
}

/// How old something may get.
#[derive(Clone, Copy)]
pub(super) struct AgeLimit {
    exact: Duration,
    /// What is younger than this by the coarse clock is young enough, however much that lags.
    certain: CoarseDuration,
}

impl AgeLimit {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            exact: limit,
            certain: limit.saturating_sub(LAG).into(),
        }
    }

    pub(super) fn duration(self) -> Duration {
        self.exact
    }

    /// Whether something of that moment has not reached the limit.
    pub(super) fn allows(self, moment: Moment) -> bool {
        self.allows_at(
            CoarseInstant::now_without_cache_update(),
            Exact::now,
            moment,
        )
    }

    /// The exact clock is asked only about the last few milliseconds.
    fn allows_at(
        self,
        coarse: CoarseInstant,
        exact: impl FnOnce() -> Exact,
        moment: Moment,
    ) -> bool {
        coarse.duration_since(moment.coarse) < self.certain
            || exact().since(moment.exact) < self.exact
    }
}

#[cfg(test)]
#[path = "tests/moment.rs"]
mod tests;
