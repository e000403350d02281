//! What a store costs beyond its database, and what a hit of the cache costs beyond memory.
//!
//! ```sh
//! cargo bench --bench stores               # the table of ratios, then criterion
//! cargo bench --bench stores -- nothing    # the table alone: no name of criterion's fits
//! cargo bench --bench stores -- cached/    # what criterion is to measure: by a part of its name
//! TMPDIR=/dev/shm cargo bench --bench stores -- nothing # with a disk that costs nothing
//! ```
//!
//! The servers are started for the occasion, in a folder of their own; an engine that is not
//! installed is left out, loudly. They write to their disk before they answer, as the tests
//! demand, so logins and refreshes mostly wait for the disk. On a disk in memory they do not, and
//! what the library adds shows as clearly as it can.
//!
//! # What is compared
//!
//! *store*: a look-up, a login and a refresh through the library, with the driver doing the same:
//! the same statements on pools with the same settings, the same values bound, the same columns
//! read. The driver is handed its values ready-made, and it does not clear away what has expired,
//! which the library does beside every 128th login or refresh. The limit is 1.10.
//!
//! *cached*: a hit of [`Cached`], with a hit of [`MemoryTokens`]: the look-up alone, the validator,
//! and a whole request to a service that is guarded. The limit is 1.30.
//!
//! # How
//!
//! Everything, the servers too, runs on one core, to which `taskset` pins it: between cores, how
//! long it takes to wake another one is a matter of chance, and much longer than what is measured.
//!
//! The speed of a shared machine drifts by more than the limits, so the table is made of many short
//! batches of both in turn, and says the median of the ratios of neighbours. Criterion measures one
//! after the other: its numbers are right for themselves, not for a ratio.
//!
//! [`Cached`]: tower_oauth2_password::store::cached::Cached
//! [`MemoryTokens`]: tower_oauth2_password::MemoryTokens

#![expect(
    unreachable_pub,
    reason = "what the modules share is public within this binary"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "stores/duel.rs"]
mod duel;
#[path = "stores/engines.rs"]
mod engines;
#[path = "stores/hits.rs"]
mod hits;
#[path = "stores/logins.rs"]
mod logins;
#[path = "stores/raw_redis.rs"]
mod raw_redis;
#[path = "stores/raw_sql.rs"]
mod raw_sql;
#[allow(dead_code, reason = "tests also kill them")]
#[path = "../tests/support/servers.rs"]
mod servers;

use std::{
    env,
    process::{self, Command, Stdio},
    time::Duration,
};

use criterion::Criterion;
use tokio::runtime::Builder;

use engines::Engines;

fn main() {
    pin_to_one_core();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let engines = Engines::start();
    let mut duels = engines.duels(&runtime);
    duels.extend(hits::duels(&runtime));

    // Only the names are asked for, or whether everything runs.
    let quick = env::args().any(|argument| argument == "--list" || argument == "--test");
    if !quick {
        duel::print_table(&mut duels);
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for duel in &mut duels {
        duel.bench(&mut criterion);
    }
    criterion.final_summary();
}

/// Before there are threads and servers, which inherit it.
fn pin_to_one_core() {
    let pinned = Command::new("taskset")
        .args(["--cpu-list", "--pid", "0", &process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    if !pinned.is_ok_and(|status| status.success()) {
        eprintln!("NOT PINNED to one core: the ratios of short round trips will not mean much");
    }
}
