//! From a password to a verdict: hashers, the pool they work on, and the one check.

#[cfg(feature = "argon2")]
mod argon2id;
mod bcrypt;
mod check;
mod error;
mod hashers;
mod pool;

#[cfg(feature = "argon2")]
pub use argon2id::{Argon2id, ParamsError};
pub use bcrypt::{Bcrypt, CostError};
pub use check::{CheckError, PasswordCheck, Verdict};
pub use error::HashError;
pub use hashers::Hashers;
pub use pool::{HashingPool, PoolError};

use std::{hint::black_box, sync::Arc};

use crate::model::{Password, PasswordHash};

/// Turns passwords into hashes that are slow to reverse, and verifies them.
///
/// The methods block for as long as the hash takes; a [`HashingPool`] calls them. They must not
/// look at anything but their arguments, and a wrong password should take as long against any
/// hash that [`verify`](PasswordHasher::verify) accepts, up to this hasher's own strength.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::Password;
/// use tower_oauth2_password::password::{Bcrypt, PasswordHasher};
///
/// let hasher = Bcrypt::new(4)?; // 4 is for tests; the default is 12
/// let hash = hasher.hash(&Password::new("secret123"))?;
/// assert!(hasher.verify(&Password::new("secret123"), &hash)?);
/// assert!(!hasher.verify(&Password::new("guess"), &hash)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no password hasher",
    note = "`Bcrypt` and, with feature `argon2`, `Argon2id` are"
)]
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes `password` with a new random salt, as strongly as this hasher is set to.
    ///
    /// # Errors
    ///
    /// [`HashError::TooLong`] and [`HashError::Nul`] if this scheme cannot take the whole
    /// password, [`HashError::Failed`] if hashing itself failed.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Says whether `password` is the one that `hash` was made from.
    ///
    /// # Errors
    ///
    /// As [`hash`](Self::hash), and [`HashError::Unreadable`] or [`HashError::TooCostly`] for a
    /// stored hash that this hasher will not work on. Both come before any hashing.
    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError>;

    /// Whether `hash` is of this hasher's scheme, well-formed or not.
    fn recognizes(&self, hash: &PasswordHash) -> bool;

    /// Whether a hash that [`verify`](Self::verify) accepts is weaker than what
    /// [`hash`](Self::hash) makes today, and should be replaced while the password is at hand.
    fn needs_rehash(&self, hash: &PasswordHash) -> bool;
}

impl<H: PasswordHasher + ?Sized> PasswordHasher for Arc<H> {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        (**self).hash(password)
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        (**self).verify(password, hash)
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        (**self).recognizes(hash)
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        (**self).needs_rehash(hash)
    }
}

/// Takes as long as a check at `hasher`'s full strength. It hashes a password of its own, as
/// the given one may be one that the hasher refuses.
fn decoy(hasher: &dyn PasswordHasher) -> Result<(), HashError> {
    black_box(hasher.hash(&Password::new("decoy"))?);
    Ok(())
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
