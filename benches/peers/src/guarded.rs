//! Requests that a guard lets through.

use axum::body::Body;
use axum_07::body::Body as Body07;
use http::StatusCode;

use crate::{
    by_hand::{self, Guarded},
    field::{Batch, Contender, Inner, Outcome, compete, requests},
    jwt::{self, Keys},
    ours,
    report::{Goal, Report, cell, row},
    sessions::Sessions,
    site::{Site, bearers},
};

pub const OURS: &str = "this crate";
const SCOPED: &str = "this crate, with RequireScope";
const CACHED: &str = "this crate, hit of Cached";
const BARE: &str = "bare service";
const BARE_07: &str = "bare service, axum 0.7";
pub const HASHED: &str = "by hand: SHA-256, expiry";
pub const PLAINTEXT: &str = "by hand: plaintext, expiry";
pub const TOWER_HTTP: &str = "tower-http: plaintext";
const CLOSURE: &str = "tower-http: plaintext, closure";
pub const HS256: &str = "jwt-authorizer: HS256";
pub const EDDSA: &str = "jwt-authorizer: EdDSA";
const SESSION: &str = "axum-login: session";
pub const LOGIN: &str = "axum-login: login_required!";

const ROUNDS: usize = 2_000;
/// How often the quick ones do it in a turn, those in between, and the slow one.
pub const QUICK: usize = 1_000;
pub const MIDDLING: usize = 100;
pub const SLOW: usize = 10;

/// What the overhead of a hit is to be, as a part of theirs, or how many times theirs is to be it.
fn goal(name: &str) -> Goal {
    match name {
        HASHED => Goal::AtMost(0.60, 0.48),
        PLAINTEXT => Goal::AtMost(0.75, 0.60),
        TOWER_HTTP => Goal::AtMost(1.30, 1.10),
        HS256 => Goal::AtLeast(9.0, 12.0),
        EDDSA => Goal::AtLeast(190.0, 240.0),
        SESSION => Goal::AtLeast(11.0, 15.0),
        _ => Goal::None,
    }
}

pub fn measure(site: &Site, report: &mut Report) {
    let outcome = compete(&mut contenders(site), ROUNDS);
    Report::title(
        "A request with a good token",
        &[
            "",
            "ns",
            "overhead, ns",
            "allocations",
            "this crate's overhead / its own",
            "its own / this crate's",
            "target / aim",
        ],
    );
    let bare = outcome.allocations(BARE);
    for name in outcome.names() {
        let time = outcome.time(name);
        report.note("hit", name, time, "ns", Goal::None);
        if name.starts_with(BARE) {
            row([*name, &cell(time, 0)].map(str::to_owned));
            continue;
        }
        let overhead = outcome.overhead(name, bare_of(name));
        report.note("hit-overhead", name, overhead, "ns", Goal::None);
        let allocations = outcome.allocations(name) - bare;
        let [ratio, times, verdict] = against(&outcome, name, report);
        row([
            (*name).to_owned(),
            cell(time, 0),
            cell(overhead, 0),
            allocations.to_string(),
            ratio,
            times,
            verdict,
        ]);
    }
}

fn against(outcome: &Outcome, name: &str, report: &mut Report) -> [String; 3] {
    if name == OURS {
        return Default::default();
    }
    let (ours, theirs) = ([OURS, BARE], [name, bare_of(name)]);
    let goal = goal(name);
    let (ratio, times) = (
        outcome.ratio_of_overheads(ours, theirs),
        outcome.ratio_of_overheads(theirs, ours),
    );
    let (table, value, unit) = if let Goal::AtLeast(..) = goal {
        ("hit-times-cheaper", times, "times")
    } else {
        ("hit-ratio", ratio, "ratio")
    };
    report.note(table, name, value, unit, goal);
    [cell(ratio, 3), cell(times, 2), goal.verdict(value.median)]
}

fn bare_of(name: &str) -> &'static str {
    if [HS256, EDDSA].contains(&name) {
        BARE_07
    } else {
        BARE
    }
}

fn contenders(site: &Site) -> Vec<Contender> {
    let (hs256, eddsa, sessions) = (jwt::hs256(), jwt::eddsa(), Sessions::new());
    let bare = requests(Inner::<Body>::new(), StatusCode::OK, bearers(&site.tokens));
    let bare_07 = bearers(&hs256.tokens());
    let bare_07 = requests(Inner::<Body07>::new(), StatusCode::OK, bare_07);
    let session = requests(sessions.identified(), StatusCode::OK, sessions.requests());
    let login = requests(sessions.guarded(), StatusCode::OK, sessions.requests());
    vec![
        Contender::new(BARE, QUICK, bare),
        Contender::new(BARE_07, QUICK, bare_07),
        Contender::new(OURS, QUICK, ours::hits(site)),
        Contender::new(SCOPED, QUICK, ours::scoped_hits(site)),
        Contender::new(CACHED, QUICK, ours::cached_hits(site)),
        Contender::new(HASHED, QUICK, by_hand(site, by_hand::hashed(site))),
        Contender::new(PLAINTEXT, QUICK, by_hand(site, by_hand::plaintext(site))),
        Contender::new(TOWER_HTTP, QUICK, by_hand(site, by_hand::tower_http(site))),
        Contender::new(
            CLOSURE,
            QUICK,
            by_hand(site, by_hand::tower_http_closure(site)),
        ),
        Contender::new(HS256, MIDDLING, signed(hs256)),
        Contender::new(EDDSA, SLOW, signed(eddsa)),
        Contender::new(SESSION, MIDDLING, session),
        Contender::new(LOGIN, MIDDLING, login),
    ]
}

fn by_hand(site: &Site, guard: impl Guarded) -> Batch {
    requests(guard, StatusCode::OK, bearers(&site.tokens))
}

fn signed(keys: Keys) -> Batch {
    let tokens = keys.tokens();
    requests(keys.guard(), StatusCode::OK, bearers(&tokens))
}
