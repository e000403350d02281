//! A cache in front of a store that has to be asked over a network.
//!
//! ```no_run
//! use std::time::Duration;
//! use tower_oauth2_password::PasswordFlow;
//! # #[cfg(feature = "postgres")]
//! use tower_oauth2_password::store::{cached::{Cached, CachedUsers}, sql::Sql};
//!
//! # #[cfg(feature = "postgres")]
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Sql::postgres("postgres://localhost/shop")?;
//! let tokens = Cached::new(database.tokens()).with_staleness(Duration::from_secs(3));
//! let users = CachedUsers::new(database.users());
//! let flow = PasswordFlow::new(users, tokens);
//! # let _ = flow;
//! # Ok(())
//! # }
//! ```
//!
//! # What it may get wrong, and for how long
//!
//! What was read is answered again for up to the *staleness*, 5 seconds unless set. So a token that
//! **another** node revoked is good here for that long at most; one that **this** node revoked is
//! refused at once. `with_news` brings the news from the other nodes, which shortens the bound to
//! the time that a message takes; if messages are lost, the bound is the staleness again.
//!
//! "Not found" is not kept, errors neither. While the store is away, cached tokens are good until
//! they are stale.

mod digest;
mod fresh;
mod gone;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod listen;
mod moment;
mod news;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod tokens;
mod users;

pub use news::{News, Revoked};
#[cfg(feature = "postgres")]
pub use postgres::PostgresNews;
#[cfg(feature = "redis")]
pub use redis::RedisNews;
pub use tokens::Cached;
pub use users::CachedUsers;

use std::time::Duration;

const STALENESS: Duration = Duration::from_secs(5);
const CAPACITY: usize = 100_000;
