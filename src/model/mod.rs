//! The nouns: no HTTP, no I/O, no async.

mod authenticated;
mod clock;
mod lifetime;
mod realm;
mod scope;
mod secret;
mod session;
mod subject;

pub use authenticated::{Anonymous, Authenticated};
pub use clock::{Clock, Timestamp};
pub use lifetime::{Lifetime, LifetimeError};
pub use realm::{Realm, RealmError};
pub use scope::{Scope, ScopeError};
pub use secret::{
    AccessToken, BearerToken, Password, PasswordHash, RandomError, TokenDigest, TokenPrefix,
    TokenPrefixError,
};
pub use session::Session;
pub use subject::{Subject, SubjectError};

#[cfg(test)]
mod tests;
