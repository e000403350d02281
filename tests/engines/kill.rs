//! A process that is killed at any moment, be it the server or its store, loses no login, refresh
//! or revocation that it has acknowledged, and refuses nobody who is logged in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::task::block_in_place;

use crate::support::{
    nodes::{Caller, Node, Told, pause, user_names},
    servers::{Engine, Folder, Postgres, Redis},
};

const KILLS: u64 = 20;
const CLIENTS: usize = 8;
/// How often one login is refreshed before it is revoked.
const REFRESHES: usize = 12;

/// Nothing is kept in the memory of the server, so that every answer is one of the store.
const FLAGS: [&str; 4] = ["--staleness=0", "--grace=60", "--no-news", "--no-throttle"];

/// What one client was told, and so may rely on.
#[derive(Default)]
struct Acknowledged {
    live: Vec<String>,
    refresh: Vec<String>,
    dead: Vec<String>,
    dead_refresh: Vec<String>,
    logins: usize,
    refreshes: usize,
    revocations: usize,
    unanswered: usize,
    unavailable: usize,
    called: usize,
}

impl Acknowledged {
    /// The answer, unless there is none or it is 503 with the time to try again.
    fn heard(&mut self, told: Option<Told>) -> Option<Told> {
        match told {
            None => self.unanswered += 1,
            Some(told) if told.is(503) => {
                assert!(told.retry_after.is_some(), "{told:?}");
                self.unavailable += 1;
            }
            told => return told,
        }
        None
    }

    fn absorb(&mut self, other: Self) {
        self.live.extend(other.live);
        self.refresh.extend(other.refresh);
        self.dead.extend(other.dead);
        self.dead_refresh.extend(other.dead_refresh);
        self.logins += other.logins;
        self.refreshes += other.refreshes;
        self.revocations += other.revocations;
        self.unanswered += other.unanswered;
        self.unavailable += other.unavailable;
        self.called += other.called;
    }
}

/// Logs in, refreshes, revokes, calls, until it is told to stop. A refresh or a revocation without
/// an answer is tried again with the same token, as clients do.
async fn use_it(caller: Caller, user: String, stop: Arc<AtomicBool>) -> Acknowledged {
    let mut noted = Acknowledged::default();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let told = caller.log_in(&user).await;
        let Some(told) = noted.heard(told) else {
            pause(10).await;
            continue;
        };
        let mut pair = told.pair();
        noted.logins += 1;
        let mut live = vec![pair.access.clone()];
        for at in 0..REFRESHES {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let spent = pair.refresh.clone();
            pair = loop {
                let told = caller.refresh(&spent).await;
                match noted.heard(told) {
                    Some(told) => break told.pair(),
                    None => pause(10).await,
                }
            };
            noted.refreshes += 1;
            live.push(pair.access.clone());
            // Any of the tokens so far, in turn.
            let told = caller.me(&live[(at * 7) % live.len()]).await;
            if let Some(told) = noted.heard(told) {
                assert!(told.is(200), "a good token was refused: {told:?}");
                noted.called += 1;
            }
            if at % 4 == 3 {
                let gone = live.remove(0);
                revoke(&caller, &gone, &mut noted).await;
                let told = caller.me(&gone).await;
                if let Some(told) = noted.heard(told) {
                    assert!(told.is(401), "a revoked token was taken: {told:?}");
                }
                noted.dead.push(gone);
            }
            pause(3).await;
        }
        round += 1;
        if round % 2 == 0 {
            revoke(&caller, &pair.refresh, &mut noted).await;
            noted.dead.extend(live);
            noted.dead_refresh.push(pair.refresh);
        } else {
            noted.live.extend(live);
            noted.refresh.push(pair.refresh);
        }
    }
    noted
}

async fn revoke(caller: &Caller, token: &str, noted: &mut Acknowledged) {
    loop {
        let told = caller.revoke(token).await;
        if let Some(told) = noted.heard(told) {
            assert!(told.is(200), "{told:?}");
            noted.revocations += 1;
            return;
        }
        pause(10).await;
    }
}

/// What the store says in the end about all that was acknowledged.
async fn check(caller: &Caller, noted: &Acknowledged) -> usize {
    let live = noted.live.iter().map(|token| (token, 200));
    let dead = noted.dead.iter().map(|token| (token, 401));
    let access: Vec<_> = live.chain(dead).collect();
    for some in access.chunks(16) {
        let told = join_all(some.iter().map(|(token, _)| caller.me(token))).await;
        for (told, (_, expected)) in told.into_iter().zip(some) {
            let told = told.unwrap();
            assert!(told.is(*expected), "{expected} was expected: {told:?}");
        }
    }
    for token in &noted.refresh {
        let pair = caller.refresh(token).await.unwrap().pair();
        assert!(caller.me(&pair.access).await.unwrap().is(200));
    }
    for token in &noted.dead_refresh {
        let told = caller.refresh(token).await.unwrap();
        assert!(
            told.is(400) && told.body.contains("invalid_grant"),
            "{told:?}"
        );
    }
    access.len() + noted.refresh.len() + noted.dead_refresh.len()
}

/// Kills and starts something again and again while clients are at work, then checks all that
/// they were told.
async fn survives(name: &str, mut node: Node, mut kill: impl FnMut(&mut Node)) {
    let began = Instant::now();
    let caller = Caller::new(&node);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = user_names(CLIENTS)
        .into_iter()
        .map(|user| tokio::spawn(use_it(caller.clone(), user, Arc::clone(&stop))))
        .collect();
    for at in 0..KILLS {
        // At any moment: no two pauses are alike.
        pause(150 + at * 37 % 200).await;
        block_in_place(|| kill(&mut node));
    }
    pause(200).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Acknowledged::default();
    for client in clients {
        let done = tokio::time::timeout(Duration::from_secs(30), client).await;
        all.absorb(done.expect("a client gets no answer any more").unwrap());
    }
    block_in_place(|| {
        node.kill();
        node.restart();
    });
    caller.wait_until_healthy().await;
    let checked = check(&caller, &all).await;
    println!(
        "{name}: {KILLS} kills, {} logins, {} refreshes, {} revocations and {} calls acknowledged, \
         {} without an answer, {} with 503; {checked} tokens checked; {:.1?}",
        all.logins,
        all.refreshes,
        all.revocations,
        all.called,
        all.unanswered,
        all.unavailable,
        began.elapsed(),
    );
    assert!(all.unanswered + all.unavailable > 0, "nothing was killed");
    assert!(!all.live.is_empty() && !all.dead_refresh.is_empty());
}

fn restart(node: &mut Node) {
    node.kill();
    node.restart();
}

/// The engine is killed and comes back; the server stays.
async fn engine_survives(name: &str, mut engine: impl Engine) {
    let node = Node::start(&engine.url(), &user_names(CLIENTS), &FLAGS);
    survives(name, node, |_| {
        engine.kill();
        std::thread::sleep(Duration::from_millis(50));
        engine.start();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_lost_nothing_that_is_in_sqlite() {
    let folder = Folder::new();
    let store = format!("sqlite:{}", folder.join("logins.db").display());
    let node = Node::start(&store, &user_names(CLIENTS), &FLAGS);
    survives("server on SQLite", node, restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_killed_server_has_lost_nothing_that_is_in_redis() {
    let redis = Redis::run();
    let node = Node::start(&redis.url(), &user_names(CLIENTS), &FLAGS);
    survives("server on Redis", node, restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_killed_server_has_lost_nothing_that_is_in_postgres() {
    let postgres = Postgres::run();
    let node = Node::start(&postgres.url(), &user_names(CLIENTS), &FLAGS);
    survives("server on PostgreSQL", node, restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_killed_redis_has_lost_nothing() {
    engine_survives("Redis", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_killed_postgres_has_lost_nothing() {
    engine_survives("PostgreSQL", Postgres::run()).await;
}

/// Whoever revoked a login was killed when it had said so to Redis, and nothing else. The client
/// tries again, and is told that it is done: then it has to be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn a_revocation_in_redis_that_stopped_half_way_is_finished_by_the_next() {
    let redis = Redis::run();
    let node = Node::start(&redis.url(), &user_names(1), &FLAGS);
    let caller = Caller::new(&node);
    let pair = caller.log_in("user0").await.unwrap().pair();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = redis::cmd("KEYS");
    let keys: Vec<String> = keys
        .arg("oauth:f:*")
        .query_async(&mut connection)
        .await
        .unwrap();
    let mut mark = redis::cmd("HDEL");
    mark.arg(&keys[0]).arg("expires_at");
    mark.exec_async(&mut connection).await.unwrap();
    assert!(caller.me(&pair.access).await.unwrap().is(200));

    assert!(caller.revoke(&pair.refresh).await.unwrap().is(200));
    assert!(caller.me(&pair.access).await.unwrap().is(401));
}
