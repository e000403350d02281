//! Stores in this process's memory: the default, gone with the process.

mod clients;
mod entries;
mod free;
mod index;
mod list;
#[cfg(not(loom))]
mod lock;
#[cfg(loom)]
#[path = "lock_loom.rs"]
mod lock;
mod parts;
mod place;
mod record;
mod shared;
mod slab;
mod subjects;
mod terms;
mod tokens;
mod users;

pub use clients::MemoryClients;
pub use tokens::MemoryTokens;
pub use users::{MemoryUsers, NewUserError};

#[cfg(loom)]
#[cfg(test)]
mod races;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
