//! RFC 6749 §4.3.2, §2.3.1, RFC 7009 §5: who may try again, and when. The clock stands still unless
//! a test moves it.

use std::{net::IpAddr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use tower_oauth2_password::{
    MemoryClients,
    model::{Clock, Timestamp},
    store::StoreError,
    throttle::{
        Admission, Attempt, AttemptKind, MemoryThrottle, Outcome, Source, Throttle, forwarded_for,
    },
    token::{Refresh, TokenError},
};

use crate::support::{
    Answer, Counting, Flow, LOGIN, NOON, captured_log,
    clients::{basic, clients},
    flow, send, token_request,
};

const WRONG: &str = "grant_type=password&username=meera&password=guess";
const TOLD: &str = "too many failed attempts, try again later";

/// Where a request says that it is from.
fn source_of(head: &http::request::Parts) -> Option<IpAddr> {
    let name = HeaderName::from_static("x-forwarded-for");
    forwarded_for(&head.headers, &name, 1)
}

/// A flow whose hashes are counted and whose throttle has the clock.
fn throttled() -> (Flow, Clock, Counting) {
    let (flow, clock) = flow();
    let hasher = Counting::default();
    let throttle = MemoryThrottle::new().with_clock(clock.clone());
    let flow = flow.with_hasher(hasher.clone()).with_throttle(throttle);
    (flow.with_source(source_of), clock, hasher)
}

async fn post_from(flow: &Flow, source: &str, form: &str) -> Answer {
    let mut request: Request<Full<_>> = token_request(form.to_owned());
    let source = source.parse().unwrap();
    request.headers_mut().insert("x-forwarded-for", source);
    send(flow.token_service(), request).await
}

impl Answer {
    /// Asserts 429, and says how many seconds it asks for.
    #[track_caller]
    fn expect_wait(&self) -> u64 {
        assert_eq!(self.status, 429, "{self:?}");
        let wait = self.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
                ("retry-after", &*u64::to_string(&wait)),
            ]
        );
        assert_eq!(self.json["error"], "temporarily_unavailable");
        assert_eq!(self.json["error_description"], TOLD);
        assert!(matches!(
            self.extensions.get::<TokenError>(),
            Some(TokenError::Throttled { .. })
        ));
        wait
    }
}

const STRANGER: &str = "192.0.2.1";
const OWNER: &str = "198.51.100.7";

/// §4.3.2: brute force is slowed down, and nothing is hashed for whoever comes too early.
#[tokio::test]
async fn each_failure_after_the_fifth_doubles_the_wait() {
    let (flow, clock, hasher) = throttled();
    for _ in 0..6 {
        let answer = post_from(&flow, STRANGER, WRONG).await;
        assert_eq!(answer.json["error"], "invalid_grant");
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let before = hasher.hashes_made();
        assert_eq!(post_from(&flow, STRANGER, WRONG).await.expect_wait(), wait);
        assert_eq!(
            hasher.hashes_made(),
            before,
            "somebody too early was served"
        );
        clock.advance(Duration::from_secs(wait - 1));
        assert_eq!(post_from(&flow, STRANGER, WRONG).await.expect_wait(), 1);
        clock.advance(Duration::from_secs(1));
        let answer = post_from(&flow, STRANGER, WRONG).await;
        assert_eq!(answer.json["error"], "invalid_grant", "after {wait} s");
    }
}

/// OWASP ASVS 6.3.1: a stranger cannot lock an account out.
#[tokio::test]
async fn the_owner_gets_in_from_elsewhere() {
    let (flow, clock, _) = throttled();
    for _ in 0..12 {
        post_from(&flow, STRANGER, WRONG).await;
    }
    post_from(&flow, STRANGER, LOGIN).await.expect_wait();
    assert_eq!(post_from(&flow, OWNER, LOGIN).await.status, 200);

    // From 200 places.
    for place in 0..200 {
        let place = format!("203.0.113.{place}");
        for _ in 0..6 {
            post_from(&flow, &place, WRONG).await;
        }
    }
    let wait = post_from(&flow, "198.51.100.8", LOGIN).await.expect_wait();
    assert!(wait <= 10, "{wait} s");
    clock.advance(Duration::from_secs(wait));
    assert_eq!(post_from(&flow, "198.51.100.8", LOGIN).await.status, 200);
}

/// NIST SP 800-63B-4 §3.2.2: a success forgives, here the pair and not the whole source.
#[tokio::test]
async fn a_success_forgives_the_pair() {
    let (flow, _clock, _) = throttled();
    for _ in 0..4 {
        for _ in 0..5 {
            let answer = post_from(&flow, OWNER, WRONG).await;
            assert_eq!(answer.json["error"], "invalid_grant");
        }
        assert_eq!(post_from(&flow, OWNER, LOGIN).await.status, 200);
    }
}

#[tokio::test]
async fn a_source_that_tries_many_names_waits_for_all_of_them() {
    let (flow, clock, _) = throttled();
    let mut served = 0;
    for number in 0..60 {
        let form = format!("grant_type=password&username=user{number}&password=guess");
        let answer = post_from(&flow, STRANGER, &form).await;
        served += usize::from(answer.status == 400);
    }
    assert_eq!(served, 51);
    post_from(&flow, STRANGER, LOGIN).await.expect_wait();
    assert_eq!(post_from(&flow, OWNER, LOGIN).await.status, 200);
    clock.advance(Duration::from_secs(30));
    assert_eq!(post_from(&flow, STRANGER, LOGIN).await.status, 200);
}

/// OWASP ASVS 6.3.8: nothing tells an unknown username from a known one.
#[tokio::test]
async fn an_unknown_username_is_slowed_down_like_a_known_one() {
    let (flow, _clock, _) = throttled();
    let guess = |name: &str| format!("grant_type=password&username={name}&password=guess");
    for _ in 0..8 {
        let known = post_from(&flow, STRANGER, &guess("meera")).await;
        let unknown = post_from(&flow, STRANGER, &guess("nobody")).await;
        assert_eq!(known.status, unknown.status);
        assert_eq!(known.fields(), unknown.fields());
        assert_eq!(known.body, unknown.body);
    }
}

/// A crowd of good logins is no attack, and one of guesses gets no further than one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_once_are_counted_at_once() {
    let (flow, _clock, hasher) = throttled();
    let crowd = async |form: &'static str| {
        let all: Vec<_> = (0..1_000)
            .map(|_| {
                let flow = flow.clone();
                tokio::spawn(async move { post_from(&flow, STRANGER, form).await.status })
            })
            .collect();
        futures_util::future::join_all(all).await
    };
    crowd(WRONG).await;
    assert!(
        hasher.hashes_made() <= 30,
        "{} hashed",
        hasher.hashes_made()
    );
}

/// §5.2: a mistake in the request, or a failure of ours, is no guess.
#[tokio::test]
async fn what_is_no_guess_does_not_count() {
    let (flow, _clock, _) = throttled();
    for _ in 0..20 {
        let answer = post_from(&flow, OWNER, &format!("{LOGIN}&scope=admin")).await;
        assert_eq!(answer.json["error"], "invalid_scope");
        let answer = post_from(&flow, OWNER, "grant_type=password&username=meera").await;
        assert_eq!(answer.json["error"], "invalid_request");
    }
    assert_eq!(post_from(&flow, OWNER, LOGIN).await.status, 200);
}

/// §2.3.1: any endpoint with client passwords. The client itself, elsewhere, is not slowed down.
#[tokio::test]
async fn guesses_at_a_client_secret_are_slowed_down() {
    let (flow, _clock, _) = throttled();
    let flow = flow.with_clients(MemoryClients::new(clients()));
    let post = async |source: &str, secret: &str| {
        let mut request = token_request(LOGIN);
        let credentials = basic("backend", secret).parse().unwrap();
        request.headers_mut().insert("authorization", credentials);
        let source = source.parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", source);
        send(flow.token_service(), request).await
    };
    for _ in 0..6 {
        assert_eq!(post(STRANGER, "guess").await.status, 401);
    }
    post(STRANGER, "guess").await.expect_wait();
    for _ in 0..30 {
        assert_eq!(post(OWNER, "b4ckend-s3cret").await.status, 200);
    }
}

/// RFC 7009 §5, RFC 6749 §10.10: tokens that are none, at both endpoints, and none for logins.
#[tokio::test]
async fn guesses_at_tokens_are_slowed_down() {
    let (flow, _clock, _) = throttled();
    let flow = flow.with_refresh(Refresh::default());
    let unknown = "A".repeat(64);
    let mut served = 0;
    for _ in 0..110 {
        let form = format!("grant_type=refresh_token&refresh_token={unknown}");
        served += usize::from(post_from(&flow, STRANGER, &form).await.status == 400);
        let mut request = token_request(format!("token={unknown}"));
        let source = STRANGER.parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", source);
        let answer = send(flow.revocation_service(), request).await;
        served += usize::from(answer.status == 200);
    }
    assert_eq!(served, 201);
    assert_eq!(post_from(&flow, STRANGER, LOGIN).await.status, 200);
}

/// Without a source, owner and stranger share a name's tries, but nobody is locked out.
#[tokio::test]
async fn without_a_source_a_name_waits_for_seconds() {
    let (flow, clock) = flow();
    let flow = flow.with_throttle(MemoryThrottle::new().with_clock(clock.clone()));
    for _ in 0..100 {
        send(flow.token_service(), token_request(WRONG)).await;
    }
    let wait = send(flow.token_service(), token_request(LOGIN))
        .await
        .expect_wait();
    assert!(wait <= 10, "{wait} s");
    clock.advance(Duration::from_secs(wait));
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.status, 200);
}

/// "A missing address is an error in the log, never one bucket for everyone."
#[tokio::test]
async fn a_missing_source_is_logged() {
    let (flow, _clock, _) = throttled();
    let log = captured_log(async {
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        assert_eq!(answer.status, 200);
    })
    .await;
    assert!(
        log.contains("ERROR") && log.contains("no source address"),
        "{log}"
    );
}

#[tokio::test]
async fn without_a_throttle_nobody_waits() {
    let (flow, _clock, _) = throttled();
    let flow = flow.with_insecure_no_throttle();
    for _ in 0..50 {
        let answer = post_from(&flow, STRANGER, WRONG).await;
        assert_eq!(answer.json["error"], "invalid_grant");
    }
}

struct BrokenThrottle;

impl Throttle for BrokenThrottle {
    async fn admit(&self, _: &Attempt) -> Result<Admission, StoreError> {
        Err(StoreError::new("the counter is away"))
    }

    async fn settle(&self, _: &Attempt, _: Outcome) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Fail closed.
#[tokio::test]
async fn a_throttle_that_cannot_be_asked_lets_nobody_try() {
    let (flow, _clock, hasher) = throttled();
    let flow = flow.with_throttle(BrokenThrottle);
    let answer = post_from(&flow, OWNER, LOGIN).await;
    let told = "the request could not be checked, try again later";
    answer.expect_error(503, "temporarily_unavailable", told);
    assert_eq!(hasher.hashes_made(), 0);
}

fn attempt(name: &str) -> Attempt {
    let source: IpAddr = STRANGER.parse().unwrap();
    Attempt::new(AttemptKind::Password, name, Some(source.into()))
}

async fn fail(throttle: &MemoryThrottle, attempt: &Attempt) -> Admission {
    let admission = throttle.admit(attempt).await.unwrap();
    if admission == Admission::Go {
        throttle.settle(attempt, Outcome::Wrong).await.unwrap();
    }
    admission
}

/// The clock stepping back an hour makes nobody wait for longer than the longest wait; forward a day,
/// all is forgotten.
#[tokio::test]
async fn a_clock_that_jumps_locks_nobody_out() {
    let late = Clock::manual(NOON);
    let throttle = MemoryThrottle::new().with_clock(late.clone());
    let meera = attempt("meera");
    let mut admitted = 0;
    for _ in 0..9 {
        admitted += usize::from(fail(&throttle, &meera).await == Admission::Go);
    }
    assert_eq!(admitted, 6);
    let Admission::Wait(before) = fail(&throttle, &meera).await else {
        panic!("nine failures cost nothing");
    };
    let early = Clock::manual(Timestamp::from_secs(NOON.as_secs() - 3600));
    let throttle = throttle.with_clock(early);
    let Admission::Wait(after) = fail(&throttle, &meera).await else {
        panic!("a step back forgives");
    };
    assert!(
        after >= before && after <= Duration::from_secs(900),
        "{after:?}"
    );
    let throttle = throttle.with_clock(late.clone());
    late.advance(Duration::from_secs(86_400));
    assert_eq!(fail(&throttle, &meera).await, Admission::Go);
}

/// Memory is bounded, and whoever guesses at one name is not forgotten for whoever tries many.
#[tokio::test]
async fn a_flood_of_names_takes_no_more_room_and_hides_nobody() {
    let throttle = MemoryThrottle::new().with_clock(Clock::manual(NOON));
    let meera = attempt("meera");
    for _ in 0..6 {
        assert_eq!(fail(&throttle, &meera).await, Admission::Go);
    }
    for number in 0..250_000_u32 {
        let source = IpAddr::from((number + 0x0a00_0000).to_be_bytes());
        let name = format!("user{number}");
        let attempt = Attempt::new(AttemptKind::Password, name, Some(source.into()));
        assert_eq!(fail(&throttle, &attempt).await, Admission::Go);
    }
    let shown = format!("{throttle:?}");
    for table in ["pairs: ", "names: ", "sources: "] {
        let count = shown.split(table).nth(1).unwrap();
        let count: usize = count.split([',', ' ']).next().unwrap().parse().unwrap();
        assert!(count <= 100_000, "{shown}");
    }
    assert_ne!(fail(&throttle, &meera).await, Admission::Go);
    assert!(!shown.contains("meera"), "{shown}");
}

/// Whoever has one address of an IPv6 network has them all.
#[test]
fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_eq!(source("2001:db8::1").to_string(), "2001:db8::/64");
}

/// RFC 9700 §4.13: what a client wrote itself is not looked at.
#[test]
fn the_address_before_a_proxy_is_the_one_that_it_appended() {
    let name = HeaderName::from_static("x-forwarded-for");
    let read = |fields: &[&str], proxies| {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(&name, field.parse().unwrap());
        }
        forwarded_for(&headers, &name, proxies).map(|address| address.to_string())
    };
    let found = |address: &str| Some(address.to_owned());
    assert_eq!(read(&["6.6.6.6, 192.0.2.7"], 1), found("192.0.2.7"));
    assert_eq!(
        read(&["6.6.6.6, 192.0.2.7", "10.0.0.1"], 2),
        found("192.0.2.7")
    );
    assert_eq!(read(&["2001:db8::1"], 1), found("2001:db8::1"));
    assert_eq!(read(&["192.0.2.7"], 2), None);
    assert_eq!(read(&[], 1), None);
    assert_eq!(read(&["nonsense"], 1), None);
    assert_eq!(read(&["192.0.2.7:1234"], 1), None);
}

/// RFC 9700 §4.13: nor can it make the proxy's word unreadable, and so have no source at all, which
/// no limit of a source slows down.
#[test]
fn what_is_no_text_in_front_of_a_proxys_entry_does_not_hide_it() {
    let name = HeaderName::from_static("x-forwarded-for");
    for written in [&b"\xff"[..], b"\xff, 192.0.2.7", b"\xc3\xa9,192.0.2.7"] {
        let mut headers = HeaderMap::new();
        headers.append(&name, HeaderValue::from_bytes(written).unwrap());
        headers.append(&name, HeaderValue::from_static("192.0.2.9"));
        let found = forwarded_for(&headers, &name, 1);
        assert_eq!(found, Some(IpAddr::from([192, 0, 2, 9])));
    }
    let mut headers = HeaderMap::new();
    let joined = HeaderValue::from_bytes(b"\xff, 192.0.2.7").unwrap();
    headers.append(&name, joined);
    let found = forwarded_for(&headers, &name, 1);
    assert_eq!(found, Some(IpAddr::from([192, 0, 2, 7])));
    assert_eq!(forwarded_for(&headers, &name, 2), None);
}
