use std::time::{Duration, Instant};

use super::{AgeLimit, CoarseDuration, CoarseInstant, LAG, Moment};

const LIMIT: Duration = Duration::from_secs(60);
const NEAR: Duration = Duration::from_millis(59_980);

/// A moment so long ago by the two clocks.
fn ago(exact: Duration, coarse: Duration) -> Moment {
    Moment {
        exact: Instant::now().checked_sub(exact).unwrap(),
        coarse: CoarseInstant::now_without_cache_update() - CoarseDuration::from(coarse),
    }
}

#[test]
fn what_was_just_asked_is_allowed() {
    assert!(AgeLimit::new(LIMIT).allows(Moment::now()));
}

#[test]
fn a_limit_of_zero_allows_nothing() {
    assert!(!AgeLimit::new(Duration::ZERO).allows(Moment::now()));
}

#[test]
fn what_has_reached_the_limit_is_not_allowed() {
    assert!(!AgeLimit::new(LIMIT).allows(ago(LIMIT, LIMIT)));
}

/// The coarse clock may lag, so at the end it is not believed.
#[test]
fn the_exact_clock_decides_when_the_coarse_one_is_near_the_limit() {
    let limit = AgeLimit::new(LIMIT);
    assert_eq!(NEAR + LAG, LIMIT);
    assert!(!limit.allows(ago(LIMIT, NEAR)));
    assert!(limit.allows(ago(LIMIT / 2, NEAR)));
}

/// A limit below the lag is kept to as well.
#[test]
fn a_short_limit_is_for_the_exact_clock_alone() {
    let limit = AgeLimit::new(LAG / 2);
    assert!(!limit.allows(ago(LAG, Duration::ZERO)));
}
