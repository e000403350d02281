//! Two threads at once, beside one.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::Service;

use crate::{
    by_hand,
    field::{Batch, Contender, Inner, Turn, compete, send},
    ours,
    report::{Goal, Report, cell, row},
    site::{Site, bearers},
};

const ROUNDS: usize = 1_000;
const CALLS: usize = 1_000;

/// By one thread, by two with tokens of their own, by two with the same one token.
const BARE: [&str; 3] = ["bare service", "bare service, two threads", ""];
const OURS: [&str; 3] = [
    "this crate",
    "this crate, two threads",
    "this crate, two threads, one token",
];
const BY_HAND: [&str; 3] = [
    "by hand: plaintext, expiry",
    "by hand: plaintext, expiry, two threads",
    "by hand: plaintext, expiry, two threads, one token",
];

pub fn measure(site: &Site, report: &mut Report) {
    let mut contenders = Vec::new();
    let guards = (ours::bearer(site), by_hand::plaintext(site));
    add(&mut contenders, BARE, &Inner::<Body>::new(), site);
    add(&mut contenders, OURS, &guards.0, site);
    add(&mut contenders, BY_HAND, &guards.1, site);
    let outcome = compete(&mut contenders, ROUNDS);

    Report::title("Two threads", &["", "ns"]);
    for name in outcome.names() {
        report.note("threads", name, outcome.time(name), "ns", Goal::None);
        row([(*name).to_owned(), cell(outcome.time(name), 0)]);
    }
    Report::title("Two threads, as ratios", &["", "ratio", "target / aim"]);
    let mut ratio = |name, value, goal: Goal| {
        report.note("threads-ratio", name, value, "ratio", goal);
        row([name.to_owned(), cell(value, 3), goal.verdict(value.median)]);
    };
    let slowdown = |of: [&str; 3]| outcome.ratio(of[1], of[0]);
    ratio(
        "the bare service, two threads / one",
        slowdown(BARE),
        Goal::None,
    );
    ratio(
        "this crate, two threads / one",
        slowdown(OURS),
        Goal::AtMost(1.15, 1.05),
    );
    ratio("by hand, two threads / one", slowdown(BY_HAND), Goal::None);
    let hot = outcome.ratio(OURS[2], BY_HAND[2]);
    ratio(
        "one token on two threads: this crate / by hand",
        hot,
        Goal::AtMost(0.75, 0.55),
    );
}

fn add<S, R>(contenders: &mut Vec<Contender>, names: [&'static str; 3], service: &S, site: &Site)
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
{
    let (one, two) = site.tokens.split_at(site.tokens.len() / 2);
    let hot = &site.tokens[..1];
    let tokens = [vec![one], vec![one, two], vec![hot, hot]];
    for (name, tokens) in names.into_iter().zip(tokens) {
        if !name.is_empty() {
            let tokens = tokens.into_iter().map(Arc::from).collect();
            let batch = on_threads(service.clone(), tokens);
            contenders.push(Contender::new(name, CALLS, batch));
        }
    }
}

/// One thread for each of `tokens`. They begin together; the time is the mean of theirs.
fn on_threads<S, R>(service: S, tokens: Vec<Arc<[String]>>) -> Batch
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
{
    let count = tokens.len();
    Box::new(move |calls| {
        let ready = AtomicUsize::new(0);
        let turn = |tokens: &Arc<[String]>, mut service: S| {
            let mut request = bearers(tokens);
            let requests: Vec<_> = (0..calls).map(|_| request()).collect();
            ready.fetch_add(1, Ordering::AcqRel);
            while ready.load(Ordering::Acquire) < count {
                std::hint::spin_loop();
            }
            send(&mut service, StatusCode::OK, requests)
        };
        let turns: Vec<Turn> = thread::scope(|scope| {
            let turn = &turn;
            let threads = tokens.iter().map(|tokens| {
                let service = service.clone();
                scope.spawn(move || turn(tokens, service))
            });
            let threads: Vec<_> = threads.collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let time =
            turns.iter().map(|turn| turn.time).sum::<Duration>() / u32::try_from(count).unwrap();
        Turn {
            time,
            allocations: turns[0].allocations,
        }
    })
}
