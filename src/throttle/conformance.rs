//! The tests that every [`Throttle`] with the default [`Limits`](super::Limits) must pass.
//!
//! They panic at the first promise that is broken, and say which. Each has names and sources of its
//! own, so all may run on one throttle again, but not at once, as they move its clock.
//!
//! ```
//! use tower_oauth2_password::{
//!     model::{Clock, Timestamp},
//!     throttle::{MemoryThrottle, conformance},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let clock = Clock::manual(Timestamp::from_secs(1_000_000));
//! conformance::all(&MemoryThrottle::new().with_clock(clock.clone()), &clock).await;
//! # }
//! ```

use std::{net::IpAddr, time::Duration};

use futures_util::future::join_all;

use super::{Admission, Attempt, AttemptKind, Outcome, Source, Throttle};
use crate::model::{Clock, FamilyId};

/// Runs all of them. The throttle tells the time by `clock`, which is a manual one.
pub async fn all<T: Throttle>(throttle: &T, clock: &Clock) {
    let bench = &Bench { throttle, clock };
    each_failure_after_the_fifth_doubles_the_wait(bench).await;
    a_success_forgives_the_pair_and_not_the_source(bench).await;
    a_source_waits_for_all_its_names_and_one_failure_is_forgotten_each_30_s(bench).await;
    tokens_count_apart_from_passwords(bench).await;
    a_name_that_fails_everywhere_waits_for_a_turn_at_each_source(bench).await;
    a_client_is_not_slowed_down_elsewhere(bench).await;
    what_is_unknown_is_taken_off(bench).await;
    of_a_crowd_24_go_on_and_fewer_after_failures(bench).await;
    what_nobody_settles_is_forgotten(bench).await;
    without_a_source_the_name_alone_waits(bench).await;
    names_are_told_apart_to_the_byte(bench).await;
    all_is_forgotten_in_time(bench).await;
}

struct Bench<'a, T> {
    throttle: &'a T,
    clock: &'a Clock,
}

const MINUTE: u64 = 60;

fn random() -> [u8; 16] {
    *FamilyId::generate().expect("random bytes").as_bytes()
}

/// Nobody else's.
fn some_source() -> Source {
    IpAddr::from(random()).into()
}

/// Nobody else's.
fn some_name() -> String {
    let id = FamilyId::generate().expect("random bytes");
    format!("{id} {{é}}\u{1f600}'\"")
}

fn password(name: &str, source: Source) -> Attempt {
    Attempt::new(AttemptKind::Password, name, Some(source))
}

impl<T: Throttle> Bench<'_, T> {
    /// How many seconds `attempt` has to wait; 0 if it goes on.
    async fn admit(&self, attempt: &Attempt) -> u64 {
        let admission = self.throttle.admit(attempt).await;
        match admission.expect("the throttle can be asked") {
            Admission::Go => 0,
            Admission::Wait(wait) => {
                assert!(wait >= Duration::from_secs(1), "a wait of {wait:?}");
                wait.as_secs()
            }
        }
    }

    async fn settle(&self, attempt: &Attempt, outcome: Outcome) {
        let settled = self.throttle.settle(attempt, outcome).await;
        settled.expect("the throttle can be told");
    }

    /// As [`admit`](Self::admit), and if it goes on it ends so.
    async fn attempt(&self, attempt: &Attempt, outcome: Outcome) -> u64 {
        let wait = self.admit(attempt).await;
        if wait == 0 {
            self.settle(attempt, outcome).await;
        }
        wait
    }

    /// Lets it fail so often, which costs no wait.
    async fn fail(&self, attempt: &Attempt, times: usize) {
        for time in 1..=times {
            let wait = self.attempt(attempt, Outcome::Wrong).await;
            assert_eq!(wait, 0, "the wait before failure {time}");
        }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

async fn each_failure_after_the_fifth_doubles_the_wait<T: Throttle>(bench: &Bench<'_, T>) {
    let guess = password(&some_name(), some_source());
    bench.fail(&guess, 6).await;
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        // Who comes too early makes it no worse.
        for _ in 0..3 {
            assert_eq!(bench.admit(&guess).await, expected);
        }
        bench.pass(expected - 1);
        assert_eq!(bench.admit(&guess).await, 1, "a second before {expected}");
        bench.pass(1);
        assert_eq!(bench.attempt(&guess, Outcome::Wrong).await, 0);
    }
    let owner = password(guess.name(), some_source());
    assert_eq!(bench.attempt(&owner, Outcome::Right).await, 0);
}

async fn a_success_forgives_the_pair_and_not_the_source<T: Throttle>(bench: &Bench<'_, T>) {
    let source = some_source();
    let own = password(&some_name(), source);
    for _ in 0..8 {
        // Another name each time, so that it is the source that counts.
        bench.fail(&password(&some_name(), source), 5).await;
        assert_eq!(bench.attempt(&own, Outcome::Right).await, 0);
    }
    for _ in 0..2 {
        bench.fail(&own, 5).await;
        assert_eq!(bench.attempt(&own, Outcome::Right).await, 0);
    }
    bench.fail(&own, 1).await;
    let wait = bench.attempt(&own, Outcome::Right).await;
    assert_eq!(wait, 1, "after 51 failures of the source");
}

async fn a_source_waits_for_all_its_names_and_one_failure_is_forgotten_each_30_s<T: Throttle>(
    bench: &Bench<'_, T>,
) {
    let source = some_source();
    for _ in 0..51 {
        bench.fail(&password(&some_name(), source), 1).await;
    }
    for expected in [1, 2, 4, 8] {
        let guess = password(&some_name(), source);
        assert_eq!(bench.admit(&guess).await, expected);
        bench.pass(expected);
        assert_eq!(bench.attempt(&guess, Outcome::Wrong).await, 0);
    }
    // 55 failures, of which six are forgotten in three minutes.
    let guess = password(&some_name(), source);
    assert_eq!(bench.admit(&guess).await, 16);
    bench.pass(6 * 30);
    bench.fail(&guess, 1).await;
    bench.fail(&password(&some_name(), source), 1).await;
    assert_eq!(bench.admit(&password(&some_name(), source)).await, 1);
    assert_eq!(bench.admit(&password(&some_name(), some_source())).await, 0);
}

async fn tokens_count_apart_from_passwords<T: Throttle>(bench: &Bench<'_, T>) {
    let source = some_source();
    let token = Attempt::new(AttemptKind::Token, "", Some(source));
    bench.fail(&token, 201).await;
    assert_eq!(bench.admit(&token).await, 1);
    let login = password(&some_name(), source);
    assert_eq!(bench.attempt(&login, Outcome::Right).await, 0);
    let other = Attempt::new(AttemptKind::Token, "", Some(some_source()));
    assert_eq!(bench.attempt(&other, Outcome::Right).await, 0);
}

async fn a_name_that_fails_everywhere_waits_for_a_turn_at_each_source<T: Throttle>(
    bench: &Bench<'_, T>,
) {
    let name = some_name();
    for _ in 0..21 {
        bench.fail(&password(&name, some_source()), 1).await;
    }
    let (one, two) = (
        password(&name, some_source()),
        password(&name, some_source()),
    );
    assert_eq!(bench.admit(&one).await, 1);
    assert_eq!(bench.admit(&two).await, 1);
    bench.pass(1);
    assert_eq!(bench.attempt(&one, Outcome::Wrong).await, 0);
    // One turn, one try; and what others do does not put off a turn.
    assert_eq!(bench.admit(&one).await, 2);
    assert_eq!(bench.attempt(&two, Outcome::Wrong).await, 0);
    assert_eq!(bench.admit(&one).await, 2);
    bench.pass(2 + 61);
    // 23 failures, of which one is forgotten; and the turn has lapsed.
    assert_eq!(bench.admit(&one).await, 2);
    for _ in 0..10 {
        let more = password(&name, some_source());
        let wait = bench.admit(&more).await;
        assert!((1..=10).contains(&wait), "{wait} s");
        bench.pass(wait);
        assert_eq!(bench.attempt(&more, Outcome::Wrong).await, 0);
    }
    let owner = password(&name, some_source());
    assert_eq!(bench.admit(&owner).await, 10);
    bench.pass(10);
    assert_eq!(bench.attempt(&owner, Outcome::Right).await, 0);
}

async fn a_client_is_not_slowed_down_elsewhere<T: Throttle>(bench: &Bench<'_, T>) {
    let id = some_name();
    let client = |source| Attempt::new(AttemptKind::Client, id.clone(), Some(source));
    for _ in 0..30 {
        bench.fail(&client(some_source()), 1).await;
    }
    let guess = client(some_source());
    bench.fail(&guess, 6).await;
    assert_eq!(bench.admit(&guess).await, 1);
    assert_eq!(
        bench.attempt(&client(some_source()), Outcome::Right).await,
        0
    );
    // A user of the same name is somebody else, but the source is the same.
    let user = password(&id, guess.source().expect("a source"));
    assert_eq!(bench.attempt(&user, Outcome::Right).await, 0);
}

async fn what_is_unknown_is_taken_off<T: Throttle>(bench: &Bench<'_, T>) {
    let login = password(&some_name(), some_source());
    bench.fail(&login, 5).await;
    for _ in 0..100 {
        assert_eq!(bench.attempt(&login, Outcome::Unknown).await, 0);
    }
    bench.fail(&login, 1).await;
    assert_eq!(bench.admit(&login).await, 1);
}

/// Open tries weigh a quarter, and all of them once there are too many failures.
async fn of_a_crowd_24_go_on_and_fewer_after_failures<T: Throttle>(bench: &Bench<'_, T>) {
    for (failures, expected) in [(0, 24), (1, 20), (5, 4)] {
        let guess = password(&some_name(), some_source());
        bench.fail(&guess, failures).await;
        let waits = join_all((0..64).map(|_| bench.admit(&guess))).await;
        let admitted = waits.iter().filter(|wait| **wait == 0).count();
        assert_eq!(admitted, expected, "of 64 after {failures} failures");
        for _ in 0..admitted {
            bench.settle(&guess, Outcome::Right).await;
        }
        assert_eq!(bench.attempt(&guess, Outcome::Right).await, 0);
    }
}

async fn what_nobody_settles_is_forgotten<T: Throttle>(bench: &Bench<'_, T>) {
    let login = password(&some_name(), some_source());
    for _ in 0..24 {
        assert_eq!(bench.admit(&login).await, 0);
    }
    assert_eq!(bench.admit(&login).await, 1);
    for _ in 0..3 {
        bench.pass(MINUTE);
        bench.attempt(&login, Outcome::Right).await;
    }
    let waits = join_all((0..64).map(|_| bench.admit(&login))).await;
    assert_eq!(waits.iter().filter(|wait| **wait == 0).count(), 24);
}

async fn without_a_source_the_name_alone_waits<T: Throttle>(bench: &Bench<'_, T>) {
    let guess = Attempt::new(AttemptKind::Password, some_name(), None);
    bench.fail(&guess, 21).await;
    assert_eq!(bench.admit(&guess).await, 1);
    bench.pass(1);
    assert_eq!(bench.attempt(&guess, Outcome::Right).await, 0);
    let token = Attempt::new(AttemptKind::Token, "", None);
    bench.fail(&token, 300).await;
}

async fn names_are_told_apart_to_the_byte<T: Throttle>(bench: &Bench<'_, T>) {
    let name = some_name();
    let long = name.repeat(1_000);
    let names = [
        name.clone(),
        format!("{name}\0"),
        format!("{name} "),
        name.to_uppercase(),
        format!("{long}1"),
        format!("{long}2"),
    ];
    let source = some_source();
    bench.fail(&password(&name, source), 6).await;
    for other in &names[1..] {
        bench.fail(&password(other, source), 6).await;
        assert_eq!(bench.admit(&password(other, source)).await, 1);
    }
    // The text of the source is no part of the name.
    let joined = format!("{name}{source}");
    let elsewhere = Attempt::new(AttemptKind::Password, joined, None);
    bench.fail(&elsewhere, 1).await;
}

async fn all_is_forgotten_in_time<T: Throttle>(bench: &Bench<'_, T>) {
    let guess = password(&some_name(), some_source());
    bench.fail(&guess, 6).await;
    bench.pass(30 * MINUTE);
    bench.fail(&guess, 1).await;
    assert_eq!(bench.admit(&guess).await, 2, "half an hour is too little");
    bench.pass(61 * MINUTE);
    bench.fail(&guess, 6).await;
    assert_eq!(bench.admit(&guess).await, 1);
    bench.pass(24 * 60 * MINUTE);
    bench.fail(&guess, 6).await;
}
