//! Tests against real Redis and PostgreSQL servers, which they start and stop themselves.
//! `tests/run.sh` installs these and runs what is ignored here.

mod conformance;
mod redis_faults;
