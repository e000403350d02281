//! What a guarded request, a login and a refresh cost, beside what else one could take.
//!
//! ```sh
//! benches/peers/run.sh                        # tables of Markdown, in half a minute
//! benches/peers/run.sh hit                    # one part: hit, refused, threads or grants
//! BENCH_OUT=target/figures benches/peers/run.sh # the figures too, in peers.jsonl in that folder
//! ```
//!
//! # What is compared
//!
//! All peers guard the same service, which does nothing, for the same 1,000 users with a token
//! each, without sockets: requests are made beforehand, as a server has them from its parser.
//!
//! *Overhead* is the time of a request less that of the bare service in the same round. The
//! ratios are of overheads.
//!
//! *By hand* is what one writes oneself with `axum::middleware::from_fn` and a `DashMap`.
//! *tower-http* is its `AsyncRequireAuthorizationLayer` over the same map, as in its documentation
//! (the future is boxed) and as a closure; it neither hashes nor looks at the time.
//! *axum-login* is the session alone, and with the guard that turns others away.
//!
//! # How
//!
//! The speed of a shared machine drifts by more than what is told apart. So there are many rounds,
//! in each of which everybody has a turn of a few hundred microseconds, and the figures are medians
//! over the rounds, with the quartiles. Two threads are told apart by chance as well: a virtual
//! machine may not have two cores to give.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod by_hand;
mod by_hand_login;
mod field;
mod grants;
mod guarded;
mod jwt;
mod ours;
mod refused;
mod report;
mod sessions;
mod site;
mod threads;

#[expect(dead_code, reason = "a test asks what is held as well")]
#[path = "../../../tests/support/counting.rs"]
mod counting;

use report::Report;
use site::Site;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn main() {
    let parts: [(&str, fn(&Site, &mut Report)); 4] = [
        ("hit", guarded::measure),
        ("refused", refused::measure),
        ("threads", threads::measure),
        ("grants", grants::measure),
    ];
    let wanted = std::env::args().nth(1);
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let known = parts.map(|(name, _)| name);
    assert!(
        known.into_iter().any(is_wanted),
        "the parts are {known:?}, or all of them without a name"
    );

    let mut report = Report::default();
    let site = Site::new();
    for (name, measure) in parts {
        if is_wanted(name) {
            measure(&site, &mut report);
        }
    }
    report.save();
}
