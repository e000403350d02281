//! Logins in Redis: one round trip for a look-up, for any number of nodes.
//!
//! ```no_run
//! use tower_oauth2_password::{MemoryUsers, PasswordFlow, store::redis::RedisTokens};
//!
//! let tokens = RedisTokens::open("redis://127.0.0.1/")?;
//! let flow = PasswordFlow::new(MemoryUsers::<()>::new(), tokens);
//! # let _ = flow;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Keys
//!
//! Every command names keys of one hash slot only, so all of it works on a cluster too. What has
//! expired goes by itself, a minute late, in case the clocks differ; windows go on time. If the
//! clock of Redis is ahead of the nodes' by more than a grace window, there is none.
//!
//! | key | what |
//! | --- | --- |
//! | `oauth:a:DIGEST` | a hash: the session of an access token |
//! | `oauth:f:{ID}` | a hash: a family |
//! | `oauth:w:{ID}` | its open windows, with their salts; gone when they close |
//! | `oauth:s:SUBJECT` | a sorted set: the families of a user, by their end |
//!
//! # What is lost when Redis dies
//!
//! As much as its persistence allows. With `appendonly yes` and `appendfsync always` nothing that
//! was acknowledged. With `appendfsync everysec` up to two seconds: logins, which is a nuisance, and
//! **revocations**, which then are undone, so keep access tokens short-lived. With snapshots only,
//! minutes; without any persistence all logins, and with replication alone what had not reached the
//! replica. Evict nothing (`maxmemory-policy noeviction`), or a full memory ends logins; a Redis that
//! is full then refuses new logins, and still revokes.
//!
//! Read from the primary only: a replica that lags behind answers tokens that were revoked, and takes
//! the newest refresh token for a spent one.

mod ask;
mod connection;
mod keys;
mod read;
mod revoke;
mod save;
mod scripts;
mod tokens;

pub(crate) use ask::Server;
pub use connection::Connection;
pub use keys::{KeyPrefix, KeyPrefixError};
pub use tokens::RedisTokens;
