//! The nouns: no HTTP, no I/O, no async.

mod authenticated;
mod bearer;
mod chain;
mod client;
mod clock;
mod cookie;
mod digest;
mod family;
mod lifetime;
mod origin;
mod protected;
mod realm;
mod refresh;
mod scope;
mod secret;
mod session;
mod source;
mod subject;
mod url;

pub use authenticated::{Anonymous, Authenticated};
pub use bearer::BearerToken;
pub use chain::{Chain, ChainError, Rotated, Rotation, Salt, Standing};
pub use client::{ClientId, ClientIdError, ClientSecret, SecretDigest};
pub use clock::{Clock, Timestamp};
pub use cookie::{CookieName, CookieNameError};
pub use digest::TokenDigest;
pub use family::{Family, FamilyId};
pub use lifetime::{Lifetime, LifetimeError};
pub use origin::{Origin, OriginError};
pub(crate) use protected::Protected;
pub use realm::{Realm, RealmError};
pub use refresh::RefreshToken;
pub use scope::{Scope, ScopeError};
pub use secret::{AccessToken, Password, PasswordHash, RandomError, TokenPrefix, TokenPrefixError};
pub use session::Session;
pub use source::Source;
pub use subject::{Subject, SubjectError};
pub use url::{PublicUrl, PublicUrlError};

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
