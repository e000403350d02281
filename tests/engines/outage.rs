//! The store is away for a while: nobody is refused who is logged in, nobody waits for long, and
//! service returns by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::{JoinSet, block_in_place};

use crate::support::{
    nodes::{Caller, Node, Pair, Told, pause, user_names},
    servers::{Engine, Postgres, Redis},
};

const AWAY: Duration = Duration::from_secs(5);
/// What a call to the store may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a busy machine may add to a bound.
const MARGIN: Duration = Duration::from_millis(500);
/// The staleness of the node that does not remember for long.
const SHORT: Duration = Duration::from_secs(2);

/// What a client does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// With a token that the node remembers throughout.
    CallCached,
    /// With a token that the node remembers for [`SHORT`].
    CallCachedShort,
    Call,
    LogIn,
    Refresh,
    /// A revocation, of which the other nodes are told; the next login counts as [`Work::LogIn`].
    LogOut,
    Health,
}

/// One answer.
struct Seen {
    work: Work,
    began: Instant,
    ended: Instant,
    status: u16,
    retry_after: bool,
}

/// Does one thing until it is told to stop, at most 200 times a second.
async fn work(caller: Caller, work: Work, user: String, stop: Arc<AtomicBool>) -> Vec<Seen> {
    let mut pair = caller.log_in(&user).await.unwrap().pair();
    caller.me(&pair.access).await.unwrap();
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let work = match work {
            Work::LogOut if pair.refresh.is_empty() => Work::LogIn,
            work => work,
        };
        let began = Instant::now();
        let told = do_once(&caller, work, &user, &mut pair).await;
        let ended = Instant::now();
        seen.push(Seen {
            work,
            began,
            ended,
            status: told.as_ref().map_or(0, |told| told.status.as_u16()),
            retry_after: told.is_some_and(|told| told.retry_after.is_some()),
        });
        pause(5).await;
    }
    seen
}

async fn do_once(caller: &Caller, work: Work, user: &str, pair: &mut Pair) -> Option<Told> {
    match work {
        Work::CallCached | Work::CallCachedShort | Work::Call => caller.me(&pair.access).await,
        Work::LogIn => {
            let told = caller.log_in(user).await?;
            if told.is(200) {
                *pair = told.pair();
            }
            Some(told)
        }
        Work::Health => caller.health().await,
        Work::Refresh => {
            let told = caller.refresh(&pair.refresh).await?;
            if told.is(200) {
                *pair = told.pair();
            }
            Some(told)
        }
        Work::LogOut => {
            let told = caller.revoke(&pair.refresh).await?;
            if told.is(200) {
                pair.refresh.clear();
            }
            Some(told)
        }
    }
}

/// When it was away.
struct Outage {
    began: Instant,
    /// The last moment of it.
    until: Instant,
    /// From then on it answers.
    ended: Instant,
}

/// What has to be true of all that was seen.
fn judge(name: &str, seen: &[Seen], outage: &Outage) {
    let slowest = seen.iter().map(|seen| seen.ended - seen.began).max();
    let mut counts = BTreeMap::<_, BTreeMap<_, usize>>::new();
    for seen in seen {
        *counts
            .entry(seen.work)
            .or_default()
            .entry(seen.status)
            .or_default() += 1;
    }
    println!("{name}: slowest request {:.2?}", slowest.unwrap());
    for (work, counts) in &counts {
        let of = || seen.iter().filter(|seen| seen.work == *work);
        let slow = of().map(|seen| seen.ended - seen.began).max().unwrap();
        let back = first_success(seen, *work, outage);
        println!("  {work:?}: {counts:?}, slowest {slow:.2?}, first success after {back:.0?}");
    }
    // Nobody is refused, and nothing is hung up on.
    let statuses: BTreeSet<_> = seen.iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, BTreeSet::from([200, 503]));
    assert!(
        seen.iter()
            .all(|seen| seen.retry_after == (seen.status == 503))
    );
    assert!(slowest.unwrap() <= TIMEOUT + MARGIN, "{slowest:?}");
    for (work, counts) in &counts {
        let of = || seen.iter().filter(|seen| seen.work == *work);
        if let Work::CallCached = work {
            assert_eq!(counts.keys().collect::<Vec<_>>(), [&200], "{work:?}");
            continue;
        }
        // Only a cache may answer while the store is away, and only for so long.
        let answered_until = match work {
            Work::CallCachedShort => outage.began + SHORT + Duration::from_millis(100),
            _ => outage.began,
        };
        let away = of().filter(|seen| seen.began > answered_until && seen.ended < outage.until);
        let away: Vec<_> = away.map(|seen| seen.status).collect();
        assert!(
            away.iter().all(|status| *status == 503),
            "{work:?}: {away:?}"
        );
        // A request may take most of the time, and a client that logs out logs in in between.
        let rare = [Work::CallCachedShort, Work::LogOut].contains(work);
        assert!(rare || !away.is_empty(), "{work:?}");
        assert!(
            *work == Work::LogOut || counts.contains_key(&503),
            "{work:?}"
        );
        let back = first_success(seen, *work, outage).expect("service does not return");
        assert!(back <= Duration::from_secs(1), "{work:?}: {back:?}");
        let late = outage.ended + TIMEOUT + MARGIN;
        assert!(
            of().filter(|seen| seen.began > late)
                .all(|seen| seen.status == 200)
        );
    }
    let short = seen
        .iter()
        .filter(|seen| seen.work == Work::CallCachedShort);
    let mut short = short.filter(|seen| seen.began > outage.began && seen.ended < outage.until);
    assert!(
        short.any(|seen| seen.status == 200),
        "nothing was in the cache"
    );
}

/// How long after the return of the store the first request of a kind went well.
fn first_success(seen: &[Seen], work: Work, outage: &Outage) -> Option<Duration> {
    let of = seen.iter().filter(|seen| seen.work == work);
    let well = of.filter(|seen| seen.status == 200 && seen.ended > outage.ended);
    well.map(|seen| seen.ended - outage.ended).min()
}

async fn go_through(
    name: &str,
    engine: &mut impl Engine,
    leave: impl Fn(&mut dyn Engine),
    return_: impl Fn(&mut dyn Engine),
) {
    let plan = [
        (Work::CallCached, 2, "--staleness=30"),
        (Work::CallCachedShort, 1, "--staleness=2"),
        (Work::Call, 12, "--staleness=0"),
        (Work::LogIn, 4, "--staleness=0"),
        (Work::Refresh, 4, "--staleness=0"),
        (Work::LogOut, 4, "--staleness=0"),
        (Work::Health, 1, "--staleness=0"),
    ];
    let users = user_names(plan.iter().map(|(_, clients, _)| clients).sum());
    let mut names = users.clone().into_iter();
    let mut nodes = BTreeMap::new();
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for (kind, count, staleness) in plan {
        let node = nodes.entry(staleness).or_insert_with(|| {
            Node::start(
                &engine.url(),
                &users,
                &[staleness, "--grace=60", "--no-throttle"],
            )
        });
        let caller = Caller::new(node);
        for user in names.by_ref().take(count) {
            clients.spawn(work(caller.clone(), kind, user, Arc::clone(&stop)));
        }
    }
    pause(1000).await;
    block_in_place(|| leave(engine));
    let began = Instant::now();
    tokio::time::sleep(AWAY).await;
    let until = Instant::now();
    block_in_place(|| return_(engine));
    let ended = Instant::now();
    tokio::time::sleep(TIMEOUT + MARGIN + Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let seen: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    judge(
        name,
        &seen,
        &Outage {
            began,
            until,
            ended,
        },
    );
}

async fn dies(name: &str, mut engine: impl Engine) {
    go_through(
        name,
        &mut engine,
        |engine| engine.kill(),
        |engine| engine.start(),
    )
    .await;
}

async fn hangs(name: &str, mut engine: impl Engine) {
    go_through(
        name,
        &mut engine,
        |engine| engine.freeze(),
        |engine| engine.thaw(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn nobody_is_refused_while_redis_is_gone() {
    dies("Redis killed", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn nobody_is_refused_while_redis_hangs() {
    hangs("Redis hangs", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn nobody_is_refused_while_postgres_is_gone() {
    dies("PostgreSQL killed", Postgres::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn nobody_is_refused_while_postgres_hangs() {
    hangs("PostgreSQL hangs", Postgres::run()).await;
}

/// A store that answers, but always just before its time is up.
async fn is_slow(name: &str, mut engine: impl Engine) {
    let users = user_names(16);
    let node = Node::start(
        &engine.url(),
        &users,
        &["--staleness=0", "--grace=60", "--no-throttle"],
    );
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    let kinds = [Work::Call, Work::LogIn, Work::Refresh, Work::LogOut];
    for (at, user) in users.into_iter().enumerate() {
        let caller = Caller::new(&node);
        clients.spawn(work(caller, kinds[at % 4], user, Arc::clone(&stop)));
    }
    pause(1500).await;
    for _ in 0..8 {
        block_in_place(|| engine.freeze());
        pause(900).await;
        block_in_place(|| engine.thaw());
        pause(1).await;
    }
    stop.store(true, Ordering::Relaxed);
    let seen: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    for kind in kinds {
        let of = || seen.iter().filter(|seen| seen.work == kind);
        let slowest = of().map(|seen| seen.ended - seen.began).max().unwrap();
        let mut counts = BTreeMap::<_, usize>::new();
        for seen in of() {
            *counts.entry(seen.status).or_default() += 1;
        }
        println!("{name}: {kind:?}: {counts:?}, slowest {slowest:.2?}");
        assert!(counts.keys().all(|status| [200, 503].contains(status)));
        // The time-out is that of a call to the store, of which all but a look-up make up to three.
        let limit = match kind {
            Work::Call => TIMEOUT,
            _ => 3 * TIMEOUT,
        };
        assert!(slowest <= limit + MARGIN, "{kind:?}: {slowest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; tests/run.sh installs it and runs this"]
async fn nobody_waits_for_long_while_redis_is_slow() {
    is_slow("Redis slow", Redis::run()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn nobody_waits_for_long_while_postgres_is_slow() {
    is_slow("PostgreSQL slow", Postgres::run()).await;
}
