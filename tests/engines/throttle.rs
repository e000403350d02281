//! Throttles: what each of them must do, and what is particular to the one in Redis.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::Commands;
use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::Clock,
    store::redis::KeyPrefix,
    throttle::{
        Admission, Attempt, AttemptKind, Limit, Limits, MemoryThrottle, Outcome, RedisThrottle,
        Throttle, conformance,
    },
};

use super::{cluster_of_one, connect};
use crate::support::{
    Counting, LOGIN, NOON, eventually,
    nodes::{Node, user_names},
    send,
    servers::{Engine, Redis},
    silence::{TIMEOUT, silent_port},
    token_request, users,
};

fn throttle_on(redis: &Redis) -> RedisThrottle {
    RedisThrottle::open(&redis.url()).unwrap()
}

fn password(name: &str, last: u8) -> Attempt {
    let source = std::net::IpAddr::from([192, 0, 2, last]);
    Attempt::new(AttemptKind::Password, name, Some(source.into()))
}

/// How many seconds an attempt has to wait; 0 if it goes on, and then it fails.
async fn guess(throttle: &impl Throttle, attempt: &Attempt) -> u64 {
    match throttle.admit(attempt).await.unwrap() {
        Admission::Go => {
            throttle.settle(attempt, Outcome::Wrong).await.unwrap();
            0
        }
        Admission::Wait(wait) => wait.as_secs(),
    }
}

#[tokio::test]
async fn the_throttle_in_memory_conforms() {
    let clock = Clock::manual(NOON);
    let throttle = MemoryThrottle::new().with_clock(clock.clone());
    conformance::all(&throttle, &clock).await;
    conformance::all(&throttle, &clock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn the_throttle_in_redis_conforms() {
    let redis = Redis::run();
    let clock = Clock::manual(NOON);
    let throttle = throttle_on(&redis).with_clock(clock.clone());
    conformance::all(&throttle, &clock).await;
    let prefix = KeyPrefix::new("shop:").unwrap();
    conformance::all(&throttle.with_prefix(prefix), &clock).await;
}

/// A cluster refuses a script whose keys are in several slots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_cluster_takes_its_scripts() {
    let redis = cluster_of_one().await;
    let clock = Clock::manual(NOON);
    conformance::all(&throttle_on(&redis).with_clock(clock.clone()), &clock).await;
}

/// By the clock of Redis: two nodes on one Redis have one count, and who waited goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn two_nodes_share_one_count() {
    let redis = Redis::run();
    let nodes = [throttle_on(&redis), throttle_on(&redis)];
    let meera = password("meera", 1);
    for turn in 0..6 {
        assert_eq!(guess(&nodes[turn % 2], &meera).await, 0);
    }
    let begun = Instant::now();
    assert_eq!(guess(&nodes[0], &meera).await, 1);
    assert_eq!(guess(&nodes[1], &meera).await, 1);
    eventually(async || guess(&nodes[1], &meera).await == 0).await;
    assert!(begun.elapsed() < Duration::from_millis(1_500));
    assert_eq!(guess(&nodes[0], &meera).await, 2);

    // 200 at once on both.
    let root = password("root", 2);
    let all = (0..200).map(|at| nodes[at % 2].admit(&root));
    let all = join_all(all).await.into_iter();
    let admitted = all.filter(|done| *done.as_ref().unwrap() == Admission::Go);
    assert_eq!(admitted.count(), 24);
}

/// The whole server: guesses on one node are counted on the other, which were six for nothing on
/// each otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn two_servers_on_one_redis_share_one_count() {
    let redis = Redis::run();
    let nodes = [0, 1].map(|_| Node::start(&redis.url(), &user_names(1), &[]));
    let http = oauth2::reqwest::Client::new();
    let mut told = Vec::new();
    for turn in 0..8 {
        let form = "grant_type=password&username=user0&password=guess";
        let answer = http
            .post(format!("{}/token", nodes[turn % 2].url()))
            .header("content-type", crate::support::FORM)
            .body(form)
            .send()
            .await
            .unwrap();
        told.push(answer.status().as_u16());
    }
    assert_eq!(told, [400, 400, 400, 400, 400, 400, 429, 429]);
}

/// Fail closed, in time, and open again when Redis is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn without_redis_nobody_may_try() {
    let mut redis = Redis::run();
    let hasher = Counting::default();
    let throttle = throttle_on(&redis).with_timeout(TIMEOUT);
    let flow = PasswordFlow::new(users(), MemoryTokens::new()).with_hasher(hasher.clone());
    let log_in = |throttle: &RedisThrottle| {
        let flow = flow.clone().with_throttle(throttle.clone());
        async move { send(flow.token_service(), token_request(LOGIN)).await }
    };
    assert_eq!(log_in(&throttle).await.status, 200);
    let told = "the request could not be checked, try again later";
    let before = hasher.hashes_made();
    redis.kill();
    let answer = log_in(&throttle).await;
    answer.expect_error(503, "temporarily_unavailable", told);
    redis.start();
    eventually(async || log_in(&throttle).await.status == 200).await;
    redis.freeze();
    let begun = Instant::now();
    let answer = log_in(&throttle).await;
    answer.expect_error(503, "temporarily_unavailable", told);
    assert!(begun.elapsed() < 3 * TIMEOUT, "{:?}", begun.elapsed());
    redis.thaw();
    eventually(async || log_in(&throttle).await.status == 200).await;
    // Two logins, and none of those that were turned away.
    assert_eq!(hasher.hashes_made(), before + 2);

    let (_silent, port) = silent_port();
    let url = format!("redis://127.0.0.1:{port}/");
    let throttle = RedisThrottle::open(&url).unwrap().with_timeout(TIMEOUT);
    let answer = log_in(&throttle).await;
    answer.expect_error(503, "temporarily_unavailable", told);
}

/// A Redis that was emptied, or that has forgotten the scripts, goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_server_that_has_forgotten_the_scripts_is_told_them_again() {
    let redis = Redis::run();
    let throttle = throttle_on(&redis);
    for _ in 0..6 {
        assert_eq!(guess(&throttle, &password("meera", 1)).await, 0);
        let mut flush = redis::cmd("SCRIPT");
        flush.arg("FLUSH").exec(&mut connect(&redis)).unwrap();
    }
    assert_eq!(guess(&throttle, &password("meera", 1)).await, 1);
    connect(&redis).flushall::<()>().unwrap();
    assert_eq!(guess(&throttle, &password("meera", 1)).await, 0);
}

/// Every key has an end, is in one slot and says nothing readable; what went well leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn keys_end_and_name_nobody() {
    let redis = Redis::run();
    let throttle = throttle_on(&redis);
    let mut raw = connect(&redis);
    let meera = password("meera", 1);
    for _ in 0..3 {
        assert_eq!(throttle.admit(&meera).await.unwrap(), Admission::Go);
        throttle.settle(&meera, Outcome::Right).await.unwrap();
    }
    assert_eq!(raw.keys::<_, Vec<String>>("*").unwrap(), [""; 0]);
    let source = meera.source();
    let token = Attempt::new(AttemptKind::Token, "", source);
    let client = Attempt::new(AttemptKind::Client, "meera", source);
    for attempt in [&meera, &token, &client] {
        assert_eq!(guess(&throttle, attempt).await, 0);
    }
    for last in 2..22 {
        assert_eq!(guess(&throttle, &password("meera", last)).await, 0);
    }
    assert_eq!(guess(&throttle, &password("meera", 100)).await, 1);

    let mut ends = std::collections::BTreeMap::<String, (usize, i64)>::new();
    for key in raw.keys::<_, Vec<String>>("*").unwrap() {
        let (prefix, digest) = key.rsplit_once(':').unwrap();
        assert_eq!(digest.len(), 22, "{key}");
        assert!(!digest.contains("meera"), "{key}");
        let ttl: i64 = raw.ttl(&key).unwrap();
        let bytes: usize = redis::cmd("MEMORY")
            .arg("USAGE")
            .arg(&key)
            .query(&mut raw)
            .unwrap();
        assert!(bytes <= 300, "{key}: {bytes} bytes");
        let end = ends.entry(prefix.to_owned()).or_default();
        *end = (end.0 + 1, end.1.max(ttl));
    }
    let expected = [
        ("oauth:{throttle}:k", 1, 901),
        ("oauth:{throttle}:n", 1, 901),
        // The name at 21 sources, and the client at one; one more waits.
        ("oauth:{throttle}:p", 22, 3_601),
        ("oauth:{throttle}:s", 21, 901),
        ("oauth:{throttle}:t", 1, 62),
    ];
    assert_eq!(ends.len(), expected.len(), "{ends:?}");
    for (prefix, count, end) in expected {
        let found = ends[prefix];
        assert_eq!(found.0, count, "{prefix}: {ends:?}");
        assert!((end - 5..=end).contains(&found.1), "{prefix}: {ends:?}");
    }
}

/// A request that is given up counts as failed here too, although nobody waits for Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn whoever_hangs_up_has_failed_in_redis_too() {
    let redis = Redis::run();
    let slow = tower_oauth2_password::password::Bcrypt::new(11).unwrap();
    let flow = PasswordFlow::new(users(), MemoryTokens::new())
        .with_hasher(slow)
        .with_throttle(throttle_on(&redis))
        .with_source(|_| Some(std::net::IpAddr::from([192, 0, 2, 1])));
    let mut raw = connect(&redis);
    for number in 1..=3_usize {
        let form = "grant_type=password&username=nobody&password=guess";
        let login = send(flow.token_service(), token_request(form));
        let given_up = tokio::time::timeout(Duration::from_millis(40), login).await;
        assert!(given_up.is_err(), "a hash at cost 11 took no 40 ms");
        eventually(async || {
            let keys: Vec<String> = raw.keys("oauth:{throttle}:p:*").unwrap();
            let (failures, open): (usize, usize) = raw.hmget(&keys[0], &["f", "o"]).unwrap();
            (failures, open) == (number, 0)
        })
        .await;
    }
}

/// What the application sets is what is counted, in both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn limits_can_be_set() {
    async fn strict(throttle: &impl Throttle, clock: &Clock) {
        let waits = async |name: &str, from: u8| guess(throttle, &password(name, from)).await;
        assert_eq!(waits("meera", 1).await, 0);
        assert_eq!(waits("meera", 1).await, 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(waits("meera", 1).await, 0);
        assert_eq!(waits("meera", 1).await, 2);
        clock.advance(Duration::from_secs(2));
        assert_eq!(waits("meera", 1).await, 0);
        assert_eq!(waits("meera", 1).await, 3, "the longest wait");
        clock.advance(Duration::from_secs(11));
        assert_eq!(
            waits("meera", 1).await,
            0,
            "forgotten after ten quiet seconds"
        );
        assert_eq!(waits("meera", 1).await, 1);
    }
    let pair = Limit::new(0, Duration::from_secs(3)).with_memory(Duration::from_secs(10));
    let limits = Limits::default().with_pair(pair.with_forgiveness(Duration::from_secs(60)));
    let clock = Clock::manual(NOON);
    let memory = MemoryThrottle::new().with_clock(clock.clone());
    strict(&memory.with_limits(limits), &clock).await;
    let redis = Redis::run();
    let throttle = throttle_on(&redis).with_clock(clock.clone());
    strict(&throttle.with_limits(limits), &clock).await;
}
