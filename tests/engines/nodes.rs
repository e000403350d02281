//! Three servers on one store: what one of them does, the others know, and how soon.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::support::{
    nodes::{Caller, Node, Pair, Told, pause, user_names},
    servers::{Engine, Postgres, Redis},
};

const TASKS: usize = 64;
const ROUNDS: usize = 50;
/// What a busy machine may add to a bound.
const MARGIN: Duration = Duration::from_millis(500);

struct Nodes {
    // Killed when they are dropped.
    _nodes: Vec<Node>,
    callers: Vec<Caller>,
}

impl Nodes {
    fn start(engine: &impl Engine, users: &[String], flags: &[&str]) -> Self {
        let start = |_| Node::start(&engine.url(), users, flags);
        let nodes: Vec<_> = (0..3).map(start).collect();
        let callers = nodes.iter().map(Caller::new).collect();
        Self {
            _nodes: nodes,
            callers,
        }
    }

    fn all(&self) -> [&Caller; 3] {
        [&self.callers[0], &self.callers[1], &self.callers[2]]
    }
}

async fn expect_me(caller: &Caller, token: &str, status: u16) {
    let told = caller.me(token).await.unwrap();
    assert!(told.is(status), "{status} was expected: {told:?}");
}

async fn expect_pair(told: impl Future<Output = Option<Told>>) -> Pair {
    told.await.unwrap().pair()
}

/// How a login ends.
#[derive(Clone, Copy, Debug)]
enum End {
    AccessToken,
    RefreshToken,
    Everywhere,
    Replay,
}

const ENDS: [End; 4] = [
    End::AccessToken,
    End::RefreshToken,
    End::Everywhere,
    End::Replay,
];

/// Logs in on the first node, calls on the second, refreshes and revokes on the third. Then: how
/// long the second went on, and how often it refused in the time after that.
async fn revoked_elsewhere(nodes: &Nodes, user: &str, end: End, watch: Duration) -> Duration {
    let [a, b, c] = nodes.all();
    let first = expect_pair(a.log_in(user)).await;
    expect_me(b, &first.access, 200).await;
    let second = expect_pair(c.refresh(&first.refresh)).await;
    // As fresh in the cache as can be when it is revoked.
    expect_me(b, &first.access, 200).await;
    expect_me(b, &second.access, 200).await;
    let told = match end {
        End::AccessToken => c.revoke(&second.access).await,
        End::RefreshToken => c.revoke(&second.refresh).await,
        End::Everywhere => c.log_out_everywhere(&second.access).await,
        End::Replay => c.refresh(&first.refresh).await,
    };
    let acknowledged = Instant::now();
    let expected = if matches!(end, End::Replay) { 400 } else { 200 };
    assert!(told.as_ref().unwrap().is(expected), "{end:?}: {told:?}");
    expect_me(c, &second.access, 401).await;
    let refused = loop {
        let told = b.me(&second.access).await.unwrap();
        if told.is(401) {
            break acknowledged.elapsed();
        }
        assert!(told.is(200), "{end:?}: {told:?}");
        assert!(acknowledged.elapsed() < Duration::from_secs(60), "{end:?}");
        pause(2).await;
    };
    let until = Instant::now() + watch;
    while Instant::now() < until {
        for node in nodes.all() {
            expect_me(node, &second.access, 401).await;
        }
        pause(20).await;
    }
    // The other token of the login goes with it, unless only one was revoked.
    let other = if matches!(end, End::AccessToken) {
        200
    } else {
        401
    };
    expect_me(b, &first.access, other).await;
    refused
}

/// Every way in which a login ends, at the same time; the longest that any took.
async fn slowest(nodes: &Nodes, round: usize, watch: Duration) -> Duration {
    let users = user_names(ENDS.len());
    let ends = ENDS.iter().zip(&users);
    let took = join_all(ends.map(|(end, user)| revoked_elsewhere(nodes, user, *end, watch))).await;
    println!(
        "  round {round}: {:?}",
        ENDS.iter().zip(&took).collect::<Vec<_>>()
    );
    took.into_iter().max().unwrap()
}

/// Without news a token that another node has revoked is good for the staleness, and no longer.
async fn the_staleness_is_the_bound(name: &str, engine: &impl Engine) {
    let flags = ["--no-news", "--staleness=3"];
    let nodes = Nodes::start(engine, &user_names(ENDS.len()), &flags);
    println!("{name}, without news, staleness 3 s:");
    let slowest = slowest(&nodes, 0, Duration::from_secs(4)).await;
    println!("{name}: refused after {slowest:?} at most");
    assert!(slowest <= Duration::from_secs(3) + MARGIN, "{slowest:?}");
    assert!(
        slowest >= Duration::from_secs(1),
        "nothing was in the cache"
    );
}

/// With news it is good for as long as a message takes.
async fn news_come_at_once(name: &str, engine: &impl Engine) {
    let nodes = Nodes::start(engine, &user_names(ENDS.len()), &["--staleness=60"]);
    // Until all of them listen.
    pause(500).await;
    println!("{name}, with news, staleness 60 s:");
    let mut most = Duration::ZERO;
    for round in 0..5 {
        most = most.max(slowest(&nodes, round, Duration::from_millis(200)).await);
    }
    println!("{name}: refused after {most:?} at most");
    assert!(most < Duration::from_secs(1), "{most:?}");
}

/// The answers of many that present one refresh token to three servers at once.
async fn race(nodes: &Nodes, token: &str) -> (Vec<Pair>, Vec<Told>) {
    let mut tasks = JoinSet::new();
    for at in 0..TASKS {
        let (caller, token) = (nodes.callers[at % 3].clone(), token.to_owned());
        tasks.spawn(async move { caller.refresh(&token).await.unwrap() });
    }
    let told = tasks.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.is(200));
    (won.iter().map(Told::pair).collect(), lost)
}

/// Waits until every node refuses a token that one of them has revoked.
async fn gone_soon(nodes: &Nodes, token: &str) {
    let deadline = Instant::now() + Duration::from_secs(1);
    for node in nodes.all() {
        while !node.me(token).await.unwrap().is(401) {
            assert!(Instant::now() < deadline, "the login goes on");
            pause(5).await;
        }
    }
}

/// Without a window there is one successor, and as many came, nobody keeps the login.
async fn one_wins(name: &str, engine: &impl Engine) {
    let began = Instant::now();
    let nodes = Nodes::start(engine, &user_names(1), &["--staleness=60", "--no-throttle"]);
    pause(500).await;
    for round in 0..ROUNDS {
        let first = expect_pair(nodes.callers[0].log_in("user0")).await;
        let (won, lost) = race(&nodes, &first.refresh).await;
        assert_eq!(won.len(), 1, "{name}, round {round}: {lost:?}");
        for told in &lost {
            assert!(
                told.is(400) && told.body.contains("invalid_grant"),
                "{told:?}"
            );
        }
        gone_soon(&nodes, &first.access).await;
        gone_soon(&nodes, &won[0].access).await;
        let told = nodes.callers[round % 3].refresh(&won[0].refresh).await;
        assert!(told.unwrap().is(400));
    }
    let took = began.elapsed();
    println!("{name}: {ROUNDS} times {TASKS} refreshes: 1 winner and no login each; {took:.1?}");
}

/// Within a window all get the same successor, and nobody is logged out.
async fn all_win_the_same(name: &str, engine: &impl Engine) {
    let began = Instant::now();
    let nodes = Nodes::start(
        engine,
        &user_names(1),
        &["--staleness=60", "--grace=60", "--no-throttle"],
    );
    pause(500).await;
    for round in 0..ROUNDS {
        let first = expect_pair(nodes.callers[0].log_in("user0")).await;
        let (won, lost) = race(&nodes, &first.refresh).await;
        assert!(lost.is_empty(), "{name}, round {round}: {lost:?}");
        let pairs: BTreeSet<_> = won.into_iter().collect();
        assert_eq!(pairs.len(), 1, "{name}, round {round}");
        let pair = pairs.first().unwrap();
        for node in nodes.all() {
            expect_me(node, &first.access, 200).await;
            expect_me(node, &pair.access, 200).await;
        }
        expect_pair(nodes.callers[round % 3].refresh(&pair.refresh)).await;
    }
    let took = began.elapsed();
    println!("{name}: {ROUNDS} times {TASKS} refreshes: 1 pair for all each; {took:.1?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn three_nodes_on_redis_agree_on_who_is_logged_out() {
    let redis = Redis::run();
    the_staleness_is_the_bound("Redis", &redis).await;
    news_come_at_once("Redis", &redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn three_nodes_on_postgres_agree_on_who_is_logged_out() {
    let postgres = Postgres::run();
    the_staleness_is_the_bound("PostgreSQL", &postgres).await;
    news_come_at_once("PostgreSQL", &postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn three_nodes_on_redis_agree_on_who_has_refreshed() {
    let redis = Redis::run();
    one_wins("Redis", &redis).await;
    all_win_the_same("Redis", &redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn three_nodes_on_postgres_agree_on_who_has_refreshed() {
    let postgres = Postgres::run();
    one_wins("PostgreSQL", &postgres).await;
    all_win_the_same("PostgreSQL", &postgres).await;
}
