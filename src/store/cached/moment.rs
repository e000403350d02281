use std::time::{Duration, Instant};

use coarsetime::{Duration as CoarseDuration, Instant as CoarseInstant};

/// By how much the coarse clock may lag: 10 ms where the kernel ticks 100 times a second, 16 ms on
/// Windows.
const LAG: Duration = Duration::from_millis(20);

/// A point in time by two clocks: the exact one, and one that is read in a quarter of the time,
/// as reading the exact one would be a quarter of what a hit costs.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    exact: Instant,
    coarse: CoarseInstant,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            exact: Instant::now(),
            coarse: CoarseInstant::now_without_cache_update(),
        }
    }

    /// When it was by the exact clock.
    pub(super) fn exact(self) -> Instant {
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

    /// Whether something of that moment has not reached the limit. The exact clock is asked only
    /// about the last few milliseconds.
    pub(super) fn allows(self, moment: Moment) -> bool {
        let now = CoarseInstant::now_without_cache_update();
        now.duration_since(moment.coarse) < self.certain || moment.exact.elapsed() < self.exact
    }
}

#[cfg(test)]
#[path = "tests/moment.rs"]
mod tests;
