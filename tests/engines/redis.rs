//! What is particular to Redis: keys that expire, slots, scripts, and revocations half-way.

use redis::{Commands, Connection};
use tower_oauth2_password::{
    MemoryUsers, PasswordFlow,
    model::{BearerToken, Clock, RefreshToken},
    store::{
        TokenStore,
        cached::{Cached, RedisNews},
        conformance,
        redis::RedisTokens,
    },
    token::Refresh,
};

use super::{cluster_of_one, connect};
use crate::support::{
    LOGIN, User, eventually, fast,
    refresh::{Pair, call_api, first_pair, meera, refresh, seconds},
    send,
    servers::{Engine, Redis},
    token_request, users,
};

type Flow = PasswordFlow<MemoryUsers<User>, RedisTokens>;

/// A flow over it, whose clock stands at the time of Redis, and a way past the crate.
fn flow_over(server: &Redis, grace: u64) -> (Flow, Clock, Connection) {
    let clock = Clock::manual(Clock::system().now());
    let tokens = RedisTokens::open(&server.url()).unwrap();
    let flow = PasswordFlow::new(users(), tokens)
        .with_hasher(fast())
        .with_clock(clock.clone())
        .with_refresh(Refresh::default().with_grace(seconds(grace)));
    (flow, clock, connect(server))
}

fn keys(raw: &mut Connection, pattern: &str) -> Vec<String> {
    let mut keys: Vec<String> = raw.keys(pattern).unwrap();
    keys.sort_unstable();
    keys
}

fn family_key(pair: &Pair) -> String {
    let token = RefreshToken::parse(&pair.refresh).unwrap();
    format!("oauth:f:{{{}}}", token.family())
}

const DAY: i64 = 86_400;

/// "What has expired goes by itself, a minute late": no key is without an end, and each has its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn every_key_has_an_end() {
    let server = Redis::run();
    let (flow, clock, mut raw) = flow_over(&server, 600);
    let pair = first_pair(&flow).await;
    refresh(&flow, &pair.refresh).await.pair();
    // A shorter login does not end the list of a longer one.
    let tokens = RedisTokens::open(&server.url()).unwrap();
    let short = PasswordFlow::new(users(), tokens)
        .with_hasher(fast())
        .with_clock(clock);
    send(short.token_service(), token_request(LOGIN)).await;

    let found = keys(&mut raw, "*");
    assert_eq!(found.len(), 3 + 2 + 1 + 1, "{found:?}");
    for key in found {
        let ttl: i64 = raw.ttl(&key).unwrap();
        let (access, refreshed) = (3600 + 60, 14 * DAY + 60);
        let expected = match key.split(':').nth(1).unwrap() {
            "a" => access,
            "f" => {
                if raw.hexists(&key, "chain").unwrap() {
                    refreshed
                } else {
                    access
                }
            }
            "w" => 600,
            "s" => refreshed,
            other => panic!("{other}"),
        };
        assert!((expected - 30..=expected).contains(&ttl), "{key}: {ttl}");
    }
}

/// Every command of the store names keys of one slot: a cluster refuses any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_cluster_of_one_refuses_no_command() {
    let server = cluster_of_one().await;
    let tokens = RedisTokens::open(&server.url()).unwrap();
    conformance::all(&tokens).await;
    let prefix = tower_oauth2_password::store::redis::KeyPrefix::new("shop:").unwrap();
    conformance::all(&tokens.with_prefix(prefix)).await;
}

/// A server that has forgotten the scripts is told them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn forgotten_scripts_are_sent_again() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 0);
    let mut forget = || {
        let mut flush = redis::cmd("SCRIPT");
        flush.arg("FLUSH").exec(&mut raw).unwrap();
    };
    let pair = first_pair(&flow).await;
    forget();
    let next = refresh(&flow, &pair.refresh).await.pair();
    forget();
    first_pair(&flow).await;
    forget();
    refresh(&flow, &pair.refresh).await.expect_dead();
    call_api(&flow, &next.access).await.expect_invalid_token();
    forget();
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);
}

/// Logins that are lost are lost, and new ones are as good as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn an_emptied_server_has_no_logins_and_takes_new_ones() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 10);
    let pair = first_pair(&flow).await;
    raw.flushall::<()>().unwrap();
    call_api(&flow, &pair.access).await.expect_invalid_token();
    refresh(&flow, &pair.refresh).await.expect_dead();
    assert!(flow.families(&meera()).await.unwrap().is_empty());
    assert_eq!(keys(&mut raw, "*"), Vec::<String>::new());
    let pair = first_pair(&flow).await;
    refresh(&flow, &pair.refresh).await.pair();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// `oauth:w:{ID}` is "gone when they close", whether or not anybody is there to see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn the_salt_of_a_window_goes_without_the_process_that_wrote_it() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 2);
    let pair = first_pair(&flow).await;
    assert_eq!(keys(&mut raw, "oauth:w:*"), Vec::<String>::new());
    let next = refresh(&flow, &pair.refresh).await.pair();
    let key = family_key(&pair).replace(":f:", ":w:");
    assert_eq!(keys(&mut raw, "oauth:w:*"), [key.as_str()]);
    let windows: Vec<u8> = raw.get(&key).unwrap();
    assert_eq!(windows.len(), 72);
    drop(flow);
    eventually(async || keys(&mut raw, "oauth:w:*").is_empty()).await;

    let (flow, _clock, _raw) = flow_over(&server, 2);
    call_api(&flow, &next.access).await.expect_let_in();
    refresh(&flow, &next.refresh).await.pair();
}

/// A refresh without a window closes the one before, and its salt goes at once with a logout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_revoked_family_leaves_no_key_behind() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 600);
    let pair = first_pair(&flow).await;
    let next = refresh(&flow, &pair.refresh).await.pair();
    refresh(&flow, &next.refresh).await.pair();
    assert_eq!(keys(&mut raw, "*").len(), 1 + 1 + 1 + 3);
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);
    assert_eq!(keys(&mut raw, "*"), Vec::<String>::new());
}

/// Whoever revokes a login again, or only looks it up, completes what was begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_revocation_that_stopped_half_way_is_completed_by_the_next() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 0);
    let tokens = RedisTokens::open(&server.url()).unwrap();
    for way in 0..5 {
        let first = first_pair(&flow).await;
        let pair = refresh(&flow, &first.refresh).await.pair();
        let key = family_key(&pair);
        let id = RefreshToken::parse(&pair.refresh).unwrap().family();
        mark_as_revoked(&mut raw, &key);

        match way {
            0 => assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1),
            1 => assert!(flow.revoke_family(id).await.unwrap()),
            2 => assert!(tokens.find_family(id).await.unwrap().is_none()),
            3 => assert!(flow.families(&meera()).await.unwrap().is_empty()),
            _ => refresh(&flow, &pair.refresh).await.expect_dead(),
        }
        call_api(&flow, &first.access).await.expect_invalid_token();
        call_api(&flow, &pair.access).await.expect_invalid_token();
        assert_eq!(keys(&mut raw, "*"), Vec::<String>::new());
        assert!(!flow.revoke_family(id).await.unwrap());
    }
}

/// The first step of a revocation, after which the process died.
fn mark_as_revoked(raw: &mut Connection, family: &str) {
    let gone: usize = raw.hdel(family, "expires_at").unwrap();
    assert_eq!(gone, 1);
}

/// "Somebody else has been at the keys": an error, and no refusal; others are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn damaged_keys_are_an_error_for_whoever_asks_for_them() {
    let server = Redis::run();
    let (flow, _clock, mut raw) = flow_over(&server, 10);
    let good = first_pair(&flow).await;
    for (field, value) in [
        ("scope", "\""),
        ("issued_at", "soon"),
        ("family", "1"),
        ("subject", ""),
    ] {
        let before = keys(&mut raw, "oauth:a:*");
        let bad = first_pair(&flow).await;
        let mut new = keys(&mut raw, "oauth:a:*");
        new.retain(|key| !before.contains(key));
        raw.hset::<_, _, _, ()>(&new[0], field, value).unwrap();
        let answer = call_api(&flow, &bad.access).await;
        assert_eq!(answer.status.as_u16(), 503, "{field}: {answer:?}");
        call_api(&flow, &good.access).await.expect_let_in();
    }
    for (field, value) in [
        ("scope", "\""),
        ("created_at", "-1"),
        ("chain", "1"),
        ("access", "1"),
    ] {
        let bad = first_pair(&flow).await;
        raw.hset::<_, _, _, ()>(family_key(&bad), field, value)
            .unwrap();
        refresh(&flow, &bad.refresh).await.expect_retry_later();
        refresh(&flow, &good.refresh).await.pair();
        raw.del::<_, ()>(family_key(&bad)).unwrap();
    }
    // Of another type altogether.
    let bad = first_pair(&flow).await;
    raw.set::<_, _, ()>(family_key(&bad), "text").unwrap();
    refresh(&flow, &bad.refresh).await.expect_retry_later();
    call_api(&flow, &bad.access).await.expect_let_in();
}

/// A node of a later version may tell what this one cannot read. It may have been a revocation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn news_that_cannot_be_read_empties_the_cache() {
    let server = Redis::run();
    let tokens = RedisTokens::open(&server.url()).unwrap();
    let news = RedisNews::open(&server.url(), "news").unwrap();
    let cached = Cached::new(tokens.clone())
        .with_staleness(seconds(3_600))
        .with_news(news);
    let mut raw = connect(&server);
    eventually(async || raw.publish::<_, _, usize>("news", "f:").unwrap() == 1).await;
    let flow = PasswordFlow::new(users(), cached).with_hasher(fast());
    let login = send(flow.token_service(), token_request(LOGIN)).await;
    let access = login.json["access_token"].as_str().unwrap();
    let digest = BearerToken::parse(access).unwrap().digest();

    tokens.revoke_access(digest).await.unwrap();
    call_api(&flow, access).await.expect_let_in();
    raw.publish::<_, _, usize>("news", "x:a later version")
        .unwrap();

    eventually(async || call_api(&flow, access).await.status == 401).await;
}
