//! Stores in this process's memory: the default, gone with the process.

mod clients;
#[cfg(not(loom))]
mod map;
#[cfg(loom)]
#[path = "map_loom.rs"]
mod map;
mod parts;
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
