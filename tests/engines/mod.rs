//! Tests against real Redis and PostgreSQL servers, which they start and stop themselves.
//! `tests/run.sh` installs these and runs what is ignored here.

mod conformance;
mod kill;
mod lost;
mod nodes;
mod outage;
mod postgres;
mod redis;
mod redis_faults;
mod redis_memory;
mod silence;
mod slow_clients;
mod sql_clients;
mod sql_damage;
mod sql_logins;
mod sql_purge;
mod sql_schema;
mod sql_users;
mod sqlite;
mod throttle;
mod time_travel;

use ::redis::Commands;

use crate::support::{
    eventually,
    servers::{Engine, Redis},
};

/// A way to the server past the crate.
fn connect(server: &Redis) -> ::redis::Connection {
    let client = ::redis::Client::open(server.url()).unwrap();
    client.get_connection().unwrap()
}

/// A cluster of one server, which refuses a command whose keys are in several slots.
async fn cluster_of_one() -> Redis {
    let server = Redis::run_with(&["--cluster-enabled", "yes"]);
    let mut raw = connect(&server);
    let mut all = ::redis::cmd("CLUSTER");
    all.arg("ADDSLOTSRANGE").arg(0).arg(16383);
    all.exec(&mut raw).unwrap();
    eventually(async || {
        let mut info = ::redis::cmd("CLUSTER");
        let info: String = info.arg("INFO").query(&mut raw).unwrap();
        info.contains("cluster_state:ok")
    })
    .await;
    let refused: ::redis::RedisResult<::redis::Value> = raw.mget(&["a", "b"]);
    assert_eq!(refused.unwrap_err().code(), Some("CROSSSLOT"));
    server
}
