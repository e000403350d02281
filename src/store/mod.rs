//! Where things live: the traits an application implements, and the stores that come with the
//! crate.

mod clients;
mod error;
pub mod memory;
mod tokens;
mod users;

pub use clients::{Client, ClientStore, GrantType};
pub use error::StoreError;
pub use tokens::{Inserted, TokenStore};
pub use users::{Account, UserStore};
