//! Stores in this process's memory: the default, gone with the process.

mod tokens;
mod users;

pub use tokens::MemoryTokens;
pub use users::{MemoryUsers, NewUserError};

#[cfg(test)]
mod tests;
