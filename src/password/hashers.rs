use std::{fmt, sync::Arc};

use super::{HashError, PasswordHasher, decoy};
use crate::model::{Password, PasswordHash};

/// One hasher for new passwords and others for hashes that are already there.
///
/// A login with a right password replaces a hash that one of the others made, so accounts
/// migrate one by one as their owners come. passlib calls this `deprecated="auto"`.
///
/// Until then a wrong password for such an account takes longer than one for an account that does
/// not exist, by the time of the older scheme. Whoever measures that can tell the two apart.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::Password;
/// use tower_oauth2_password::password::{Bcrypt, Hashers, PasswordHasher};
///
/// let old = Bcrypt::new(4)?;
/// let stored = old.hash(&Password::new("secret123"))?;
///
/// let hashers = Hashers::new(Bcrypt::new(5)?).with_older(old);
/// assert!(hashers.verify(&Password::new("secret123"), &stored)?);
/// assert!(hashers.needs_rehash(&stored));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hashers {
    preferred: Arc<dyn PasswordHasher>,
    older: Vec<Arc<dyn PasswordHasher>>,
}

impl Hashers {
    /// Hashes with `preferred`, and knows no other yet.
    pub fn new(preferred: impl PasswordHasher) -> Self {
        Self {
            preferred: Arc::new(preferred),
            older: Vec::new(),
        }
    }

    /// Also verifies hashes that `older` recognizes, to be replaced on login.
    #[must_use]
    pub fn with_older(mut self, older: impl PasswordHasher) -> Self {
        self.older.push(Arc::new(older));
        self
    }
}

impl PasswordHasher for Hashers {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.preferred.hash(password)
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        if self.preferred.recognizes(hash) {
            return self.preferred.verify(password, hash);
        }
        let older = self.older.iter().find(|older| older.recognizes(hash));
        let right = older.ok_or(HashError::Unreadable)?.verify(password, hash)?;
        if !right {
            // An account that does not exist costs one preferred hash: an old one, at least that.
            decoy(&*self.preferred)?;
        }
        Ok(right)
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        self.preferred.recognizes(hash) || self.older.iter().any(|older| older.recognizes(hash))
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        !self.preferred.recognizes(hash) || self.preferred.needs_rehash(hash)
    }
}

impl fmt::Debug for Hashers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashers")
            .field("older", &self.older.len())
            .finish_non_exhaustive()
    }
}
