//! Connections to the store that are dead without anybody saying so: no request waits for long,
//! and new connections take their place.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::support::{
    nodes::{Caller, Node, pause, user_names},
    servers::{Engine, Postgres, Redis},
    wire::Wire,
};

/// More than there are connections in a pool.
const CLIENTS: usize = 24;
const TIMEOUT: Duration = Duration::from_secs(2);
const MARGIN: Duration = Duration::from_millis(500);

/// Calls and refreshes in turn; when each began, how long it took, its status.
async fn use_it(
    caller: Caller,
    user: String,
    stop: Arc<AtomicBool>,
) -> Vec<(Instant, Duration, u16)> {
    let mut pair = caller.log_in(&user).await.unwrap().pair();
    let mut seen = Vec::new();
    for at in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        let told = match at % 2 {
            0 => caller.me(&pair.access).await.unwrap(),
            _ => caller.refresh(&pair.refresh).await.unwrap(),
        };
        seen.push((began, began.elapsed(), told.status.as_u16()));
        if at % 2 == 1 && told.is(200) {
            pair = told.pair();
        }
        // Without a pause, so that all connections are in use; but not while nothing works.
        pause(if told.is(200) { 0 } else { 10 }).await;
    }
    seen
}

async fn connections_are_replaced(name: &str, engine: impl Engine) {
    let wire = Wire::to(engine.port()).await;
    let old = format!(":{}/", engine.port());
    let url = engine.url().replace(&old, &format!(":{}/", wire.port()));
    let users = user_names(CLIENTS);
    let node = Node::start(
        &url,
        &users,
        &["--staleness=0", "--grace=60", "--no-throttle"],
    );
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for user in users {
        clients.spawn(use_it(Caller::new(&node), user, Arc::clone(&stop)));
    }
    pause(1000).await;
    wire.cut();
    let cut = Instant::now();
    pause(8000).await;
    stop.store(true, Ordering::Relaxed);
    let seen: Vec<_> = clients.join_all().await.into_iter().flatten().collect();

    let mut counts = BTreeMap::<_, usize>::new();
    for (_, _, status) in &seen {
        *counts.entry(*status).or_default() += 1;
    }
    let slowest = seen.iter().map(|(_, took, _)| *took).max().unwrap();
    let failed = seen.iter().filter(|(_, _, status)| *status != 200);
    let failed = failed.map(|(began, took, _)| *began + *took - cut).max();
    println!("{name}, connections lost: {counts:?}, slowest {slowest:.2?}, last 503 {failed:.2?}");
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&200, &503]);
    assert!(slowest <= TIMEOUT + MARGIN, "{slowest:?}");
    // One time-out shows it; who began just before the new connection was there sees another.
    assert!(failed.unwrap() <= 2 * TIMEOUT + MARGIN, "{failed:?}");
}

/// Revocations are heard again, although no listener was told that it had lost its connection.
async fn news_are_heard_again(name: &str, engine: impl Engine) {
    let wire = Wire::to(engine.port()).await;
    let old = format!(":{}/", engine.port());
    let url = engine.url().replace(&old, &format!(":{}/", wire.port()));
    let users = user_names(1);
    let start = || Node::start(&url, &users, &["--staleness=60"]);
    let nodes = [start(), start()];
    let [here, there] = [Caller::new(&nodes[0]), Caller::new(&nodes[1])];
    pause(500).await;
    wire.cut();
    // Silence is looked into every five seconds, for two; the first call finds a dead connection.
    pause(8500).await;
    here.wait_until_healthy().await;
    there.wait_until_healthy().await;
    for round in 0..2 {
        let pair = here.log_in("user0").await.unwrap().pair();
        assert!(there.me(&pair.access).await.unwrap().is(200));
        assert!(here.revoke(&pair.refresh).await.unwrap().is(200));
        let revoked = Instant::now();
        while !there.me(&pair.access).await.unwrap().is(401) {
            assert!(
                revoked.elapsed() < Duration::from_secs(1),
                "{name}: not heard"
            );
            pause(2).await;
        }
        println!(
            "{name}, connections lost, round {round}: heard {:.1?}",
            revoked.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn connections_to_redis_that_are_lost_in_silence_are_replaced() {
    connections_are_replaced("Redis", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn connections_to_postgres_that_are_lost_in_silence_are_replaced() {
    connections_are_replaced("PostgreSQL", Postgres::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn news_over_redis_are_heard_again_after_a_loss_in_silence() {
    news_are_heard_again("Redis", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn news_over_postgres_are_heard_again_after_a_loss_in_silence() {
    news_are_heard_again("PostgreSQL", Postgres::run()).await;
}
