//! The `server` example as a process, beside the same application on FastAPI and beside itself
//! without a login; and logins beside a tight loop of bcrypt.
//!
//! ```sh
//! cargo build --profile service --example server
//! cargo bench --profile service --bench process       # tables of Markdown, in about three minutes
//! cargo bench --profile service --bench process -- me # of hashing, me and token this one
//! ```
//!
//! With `$BENCH_OUT` the figures go to `process.jsonl` in that folder too; with `$FASTAPI_PYTHON`, a
//! Python that has what `benches/fastapi/requirements.txt` asks for, FastAPI takes part.
//! `benches/run.sh` sets both.
//!
//! Each server has one worker, on core 0; the clients are one thread of this process on core 1,
//! with connections that are kept and one request at a time on each. The servers take turns of a
//! second, and the ratios are of turns in the same round.
//!
//! *No login* is the connection code and the time-out of the `server` example with a route that
//! answers the same JSON to everybody; *an empty layer* adds one that does nothing, for that is what
//! axum itself takes for a layer. *The login alone* adds what `benches/fastapi/app.py` has and
//! leaves out what else the example is linked with: SQL, Redis, metrics.
//!
//! *The tight loop* checks a password again and again on as many threads as there are cores; the
//! logins go through the token service, without sockets, and are hashed by its pool on as many.
//! Both do the same number, in turn.

#![expect(
    unreachable_pub,
    reason = "what the modules share is public within this binary"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "process/bare.rs"]
mod bare;
#[path = "process/client.rs"]
mod client;
#[path = "process/hashing.rs"]
mod hashing;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/note.rs"]
mod note;
#[path = "../examples/server/serve.rs"]
mod serve;
#[path = "process/server.rs"]
mod server;

use std::{
    env,
    io::{BufRead, BufReader},
    process::{self, Command, Stdio},
    time::Duration,
};

use client::{Clients, Turn};
use note::{Goal, Spread, figure};
use server::{Kind, Server};

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 20;
const TURN: Duration = Duration::from_secs(1);

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("bare") => bare::serve_open(&arguments[1]),
        Some("layered") => bare::serve_layered(&arguments[1]),
        Some("alone") => bare::serve_alone(&arguments[1]),
        Some("measure") => measure(&arguments[1..]),
        _ => collect(&arguments),
    }
}

/// The figures of a process that measures, as rows and as a file.
fn collect(arguments: &[String]) {
    let mut child = Command::new(env::current_exe().unwrap())
        .arg("measure")
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut all = String::new();
    println!("| | of | what | | |\n| --- | --- | --- | ---: | --- |");
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        println!("{}", note::row_of(&line));
        all.push_str(&line);
        all.push('\n');
    }
    assert!(child.wait().unwrap().success(), "the measuring failed");
    note::save("process.jsonl", &all);
}

fn measure(parts: &[String]) {
    let asked = |part| {
        let mut parts = parts
            .iter()
            .filter(|part| !part.starts_with('-'))
            .peekable();
        parts.peek().is_none() || parts.any(|other| other == part)
    };
    if asked("hashing") {
        hashing::measure();
    }
    pin_to(1);
    let kinds = [
        Kind::Ours,
        Kind::Bare,
        Kind::Layered,
        Kind::Alone,
        Kind::FastApi,
    ];
    if asked("me") {
        me(&kinds.map(|kind| Server::start(kind, 12)));
    }
    let kinds = [Kind::Ours, Kind::FastApi];
    if asked("token") {
        log_in(
            &kinds.map(|kind| Server::start(kind, 4)),
            4,
            TURN,
            ROUNDS / 2,
        );
        let long = Duration::from_secs(4);
        log_in(&kinds.map(|kind| Server::start(kind, 12)), 12, long, 3);
    }
}

/// Requests for `/me` with a token, and what the servers hold in memory afterwards.
fn me(servers: &[Option<Server>; 5]) {
    let clients = servers.each_ref().map(|server| {
        let server = server.as_ref()?;
        let token = server.log_in();
        let request =
            format!("GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        Some(Clients::new(server.address, CONNECTIONS, &request))
    });
    let turns = take_turns("me", servers, &clients, TURN, ROUNDS);
    let [ours, bare, layered, _, fastapi] = &turns;
    ratio("/me, of no login's", ours, bare, Goal::AtLeast(0.93, 0.97));
    let row = "/me with an empty layer, of no login's";
    ratio(row, layered, bare, Goal::None);
    ratio("/me, of FastAPI's", ours, fastapi, Goal::AtLeast(6.0, 7.0));
    let goal = Goal::AtMost(1.0 / 10.0, 1.0 / 12.0);
    hold(servers, memory::RESIDENT, "memory", goal);
    hold(servers, memory::OWN, "memory of its own", Goal::None);
}

/// What the servers hold in memory.
fn hold(servers: &[Option<Server>; 5], field: &str, what: &str, goal: Goal) {
    let held = servers.each_ref().map(|server| {
        let server = server.as_ref()?;
        let mebibytes = memory::mebibytes(server.id(), field).unwrap();
        let row = format!("{what}, {}", server.kind.name());
        figure("me", None, &row, "MiB", Spread::one(mebibytes), Goal::None);
        Some(mebibytes)
    });
    let [Some(ours), _, _, Some(alone), Some(fastapi)] = held else {
        return;
    };
    let rows = [
        (format!("{what}, of FastAPI's"), ours),
        (format!("{what}, the login alone of FastAPI's"), alone),
    ];
    for (row, held) in rows {
        let ratio = Spread::one(held / fastapi);
        figure("ratios", None, &row, "times", ratio, goal);
    }
}

fn log_in(servers: &[Option<Server>; 2], cost: u32, turn: Duration, rounds: usize) {
    let clients = servers.each_ref().map(|server| {
        let address = server.as_ref()?.address;
        Some(Clients::new(address, CONNECTIONS / 2, &server::login()))
    });
    let table = format!("token, cost {cost}");
    let [ours, fastapi] = &take_turns(&table, servers, &clients, turn, rounds);
    let row = format!("/token at cost {cost}, of FastAPI's");
    ratio(&row, ours, fastapi, Goal::None);
}

fn take_turns<const N: usize>(
    table: &str,
    servers: &[Option<Server>; N],
    clients: &[Option<Clients>; N],
    time: Duration,
    rounds: usize,
) -> [Vec<Turn>; N] {
    let mut turns = [const { Vec::new() }; N];
    // The first round warms up.
    for round in 0..=rounds {
        for ((clients, server), turns) in clients.iter().zip(servers).zip(&mut turns) {
            let (Some(clients), Some(server)) = (clients, server) else {
                continue;
            };
            let turn = clients.ask_for(time, server);
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    for (server, turns) in servers.iter().zip(&turns) {
        if let Some(server) = server {
            client::print(table, server.kind.name(), turns);
        }
    }
    turns
}

/// Requests per second of the one for each of the other.
fn ratio(row: &str, one: &[Turn], other: &[Turn], goal: Goal) {
    let ratios: Vec<_> = one
        .iter()
        .zip(other)
        .map(|(one, other)| one.rate / other.rate)
        .collect();
    if !ratios.is_empty() {
        figure("ratios", None, row, "times", Spread::of(ratios), goal);
    }
}

fn pin_to(core: u32) {
    let pinned = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &core.to_string()])
        .arg(process::id().to_string())
        .stdout(Stdio::null())
        .status();
    assert!(
        pinned.unwrap().success(),
        "there is no core {core} to be pinned to"
    );
}
