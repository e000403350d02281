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
