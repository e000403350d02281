//! Attacks on [`MemoryThrottle`], and people who are no attackers. The clock stands still unless a
//! test moves it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use tower_oauth2_password::{
    model::{Clock, Password, PasswordHash, Timestamp},
    password::{HashError, PasswordHasher},
    throttle::{Admission, Attempt, AttemptKind, MemoryThrottle, Outcome, Source, Throttle},
};

use crate::support::{LOGIN, NOON, fast, flow, send, token_request};

const MINUTE: Duration = Duration::from_secs(60);

fn throttle() -> (MemoryThrottle, Clock) {
    let clock = Clock::manual(NOON);
    (MemoryThrottle::new().with_clock(clock.clone()), clock)
}

fn source(number: u32) -> Source {
    IpAddr::from((number + 0x0a00_0000).to_be_bytes()).into()
}

fn password(name: impl Into<String>, from: u32) -> Attempt {
    Attempt::new(AttemptKind::Password, name, Some(source(from)))
}

fn token(from: u32) -> Attempt {
    Attempt::new(AttemptKind::Token, "", Some(source(from)))
}

async fn try_it(throttle: &MemoryThrottle, attempt: &Attempt, outcome: Outcome) -> Admission {
    let admission = throttle.admit(attempt).await.unwrap();
    if admission == Admission::Go {
        throttle.settle(attempt, outcome).await.unwrap();
    }
    admission
}

/// How many of the tries go on, each of which ends so.
async fn admitted(throttle: &MemoryThrottle, attempts: &[Attempt], outcome: Outcome) -> usize {
    let mut admitted = 0;
    for attempt in attempts {
        admitted += usize::from(try_it(throttle, attempt, outcome).await == Admission::Go);
    }
    admitted
}

/// A hasher that waits while somebody holds its lock.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<()>>);

impl PasswordHasher for Held {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        fast().hash(password)
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        drop(self.0.lock());
        fast().verify(password, hash)
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        fast().recognizes(hash)
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        fast().needs_rehash(hash)
    }
}

/// A client that hangs up has had its guess: it counts as failed, once and at once. 24 of them do
/// not wait for ever for an end that nobody will tell.
#[tokio::test]
async fn whoever_hangs_up_has_failed() {
    let (flow, clock) = flow();
    let hasher = Held::default();
    let flow = flow
        .with_hasher(hasher.clone())
        .with_throttle(MemoryThrottle::new().with_clock(clock.clone()))
        .with_source(|_| Some(IpAddr::from([192, 0, 2, 1])));
    let hang_up = |times| {
        let held = hasher.0.lock().unwrap();
        for _ in 0..times {
            // As far as the hashing; then the connection is gone.
            let login = send(flow.token_service(), token_request(LOGIN));
            assert!(login.now_or_never().is_none());
        }
        drop(held);
    };
    hang_up(6);
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    clock.advance(Duration::from_secs(1));
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.status, 200);
    hang_up(5);
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.status, 200);
}

/// Tries whose end nobody tells, such as those of a node that died, are forgotten, however busy
/// their source is.
#[tokio::test]
async fn what_was_never_settled_is_forgotten_at_a_busy_source() {
    let (throttle, clock) = throttle();
    for number in 0..1_000 {
        let _ = throttle
            .admit(&password(format!("user{number}"), 1))
            .await
            .unwrap();
    }
    let one = password("meera", 1);
    assert_ne!(try_it(&throttle, &one, Outcome::Right).await, Admission::Go);
    for _ in 0..4 {
        clock.advance(MINUTE);
        let _ = try_it(&throttle, &one, Outcome::Right).await;
    }
    for _ in 0..10 {
        assert_eq!(try_it(&throttle, &one, Outcome::Right).await, Admission::Go);
    }
}

/// An office behind one address: two logins a minute, and one of them mistyped, all day long.
#[tokio::test]
async fn an_office_with_a_typo_each_minute_never_waits() {
    let (throttle, clock) = throttle();
    for minute in 0..600 {
        let name = format!("user{}", minute % 100);
        for outcome in [Outcome::Wrong, Outcome::Right] {
            let admission = try_it(&throttle, &password(&name, 1), outcome).await;
            assert_eq!(admission, Admission::Go, "in minute {minute}");
        }
        clock.advance(MINUTE);
    }
}

/// An account that many use, each at an own place, with a typo each minute.
#[tokio::test]
async fn an_account_with_a_typo_each_minute_never_waits() {
    let (throttle, clock) = throttle();
    for minute in 0..600 {
        for outcome in [Outcome::Wrong, Outcome::Right] {
            let admission = try_it(&throttle, &password("till", minute % 100), outcome).await;
            assert_eq!(admission, Admission::Go, "in minute {minute}");
        }
        clock.advance(MINUTE);
    }
}

/// Nine o'clock in an office: one has mistyped a password, and 100 log in at once.
#[tokio::test]
async fn one_typo_does_not_turn_away_the_colleagues() {
    let (throttle, _clock) = throttle();
    let _ = try_it(&throttle, &password("user0", 1), Outcome::Wrong).await;
    for number in 1..=100 {
        let admission = throttle
            .admit(&password(format!("user{number}"), 1))
            .await
            .unwrap();
        assert_eq!(admission, Admission::Go, "the {number}th");
    }
}

/// Presenting tokens costs next to nothing and fills memory; it must not wipe out what is known of
/// those who guess at passwords.
#[tokio::test]
async fn a_flood_of_tokens_hides_no_source_that_guesses_at_passwords() {
    let (throttle, _clock) = throttle();
    let guesses: Vec<_> = (0..100)
        .map(|number| password(format!("user{number}"), 1))
        .collect();
    assert_eq!(admitted(&throttle, &guesses, Outcome::Wrong).await, 51);
    let flood: Vec<_> = (2..250_000).map(token).collect();
    assert_eq!(
        admitted(&throttle, &flood, Outcome::Wrong).await,
        flood.len()
    );
    assert_eq!(admitted(&throttle, &guesses, Outcome::Wrong).await, 0);
}

/// Asking for a turn costs next to nothing either; it must wipe out nobody's failures.
#[tokio::test]
async fn a_flood_of_sources_that_never_come_back_hides_nobody() {
    let (throttle, _clock) = throttle();
    let early = vec![password("root", 7); 5];
    assert_eq!(admitted(&throttle, &early, Outcome::Wrong).await, 5);
    for from in 1_000..1_021 {
        let _ = try_it(&throttle, &password("meera", from), Outcome::Wrong).await;
    }
    let flood: Vec<_> = (2_000..250_000)
        .map(|from| password("meera", from))
        .collect();
    assert_eq!(admitted(&throttle, &flood, Outcome::Wrong).await, 0);
    assert_eq!(admitted(&throttle, &early, Outcome::Wrong).await, 1);
}

/// A turn is for soon: whoever collects turns has one try at each source, in the minute after.
#[tokio::test]
async fn a_turn_is_used_once_and_lapses() {
    let (throttle, clock) = throttle();
    for from in 1_000..1_040 {
        let _ = try_it(&throttle, &password("meera", from), Outcome::Wrong).await;
    }
    let one = password("meera", 1);
    let wait = async |seconds| {
        let expected = Admission::Wait(Duration::from_secs(seconds));
        assert_eq!(try_it(&throttle, &one, Outcome::Wrong).await, expected);
    };
    wait(1).await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(try_it(&throttle, &one, Outcome::Wrong).await, Admission::Go);
    wait(2).await;
    clock.advance(Duration::from_secs(2 + 61));
    wait(1).await;
}

/// Nothing overflows at the end of time.
#[tokio::test]
async fn the_last_second_of_a_clock_is_a_second() {
    let clock = Clock::manual(Timestamp::from_secs(u64::MAX));
    let throttle = MemoryThrottle::new().with_clock(clock);
    let guesses = vec![password("meera", 1); 10];
    let admitted = admitted(&throttle, &guesses, Outcome::Wrong).await;
    assert_eq!(admitted, 10, "nobody waits for a second that never comes");
}

/// RFC 6052 §2.1: IPv4 hosts behind a translator have one IPv6 network, and are many.
#[test]
fn the_address_behind_a_translator_is_the_source() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(source("64:ff9b::192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("64:ff9b::192.0.2.1"), source("64:ff9b::192.0.2.2"));
    assert_ne!(source("64:ff9b:1::192.0.2.1"), source("192.0.2.1"));
}
