//! Where things live: the traits an application implements, and the stores that come with the
//! crate.

#[cfg(feature = "cache")]
pub mod cached;
mod clients;
#[cfg(feature = "test-util")]
pub mod conformance;
mod error;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sql;
mod tokens;
mod users;

pub use clients::{Client, ClientStore, GrantType};
pub use error::StoreError;
pub use tokens::{Inserted, TokenStore};
pub use users::{Account, UserStore};
