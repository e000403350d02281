use std::time::Duration;

use super::{AgeLimit, LAG, Moment};

const LIMIT: Duration = Duration::from_secs(60);
const NEAR: Duration = Duration::from_millis(59_980);

/// Whether something is allowed that is so old by the two clocks.
fn allows(limit: Duration, exact: Duration, coarse: Duration) -> bool {
    let asked = Moment::now();
    let (exact, coarse) = (asked.exact + exact, asked.coarse + coarse.into());
    AgeLimit::new(limit).allows_at(coarse, || exact, asked)
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
    assert!(!allows(LIMIT, LIMIT, LIMIT));
}

/// The coarse clock may lag, so at the end it is not believed.
#[test]
fn the_exact_clock_decides_when_the_coarse_one_is_near_the_limit() {
    assert_eq!(NEAR + LAG, LIMIT);
    assert!(!allows(LIMIT, LIMIT, NEAR));
    assert!(allows(LIMIT, LIMIT / 2, NEAR));
}

/// A limit below the lag is kept to as well.
#[test]
fn a_short_limit_is_for_the_exact_clock_alone() {
    assert!(!allows(LAG / 2, LAG, Duration::ZERO));
}
