use std::{error::Error, fmt, sync::Arc};

use super::{Bcrypt, HashError, HashingPool, PasswordHasher, PoolError, decoy};
use crate::{
    model::{Password, PasswordHash},
    observe,
};

/// Longer than any that a person or a password manager makes; NIST SP 800-63B-4 asks for 64 at the
/// least. Without a cap a hasher would read whatever a body can carry.
const MAX_PASSWORD_BYTES: usize = 1024;

/// The one password check: the same work whoever asks, on a [`HashingPool`].
///
/// An account that does not exist, has no password, or has a hash that cannot be read costs a
/// real hash at the configured strength, like a wrong password does. Neither the answer nor
/// the time tells them apart (OWASP ASVS 6.3.8).
///
/// A password of more than 1,024 **bytes** is wrong, whatever the hasher would take.
#[derive(Clone)]
pub struct PasswordCheck {
    hasher: Arc<dyn PasswordHasher>,
    pool: HashingPool,
}

/// What a check found.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// Not the password, or nothing to compare it with.
    Wrong,
    /// The password.
    Right {
        /// A stronger hash of the same password, to be saved in place of the stored one.
        rehashed: Option<PasswordHash>,
    },
}

/// A verdict, and whether the stored hash was refused as malformed or too costly.
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    pub(crate) hash_refused: bool,
}

impl From<Verdict> for Checked {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            hash_refused: false,
        }
    }
}

impl PasswordCheck {
    /// Checks with `hasher`, on the threads of `pool`.
    pub fn new(hasher: impl PasswordHasher, pool: HashingPool) -> Self {
        let hasher = Arc::new(hasher);
        Self { hasher, pool }
    }

    /// Replaces the hasher.
    #[must_use]
    pub fn with_hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.hasher = Arc::new(hasher);
        self
    }

    /// Replaces the pool.
    #[must_use]
    pub fn with_pool(mut self, pool: HashingPool) -> Self {
        self.pool = pool;
        self
    }

    /// Compares `password` with the hash in `stored`. `None` does the work and answers
    /// [`Verdict::Wrong`].
    ///
    /// # Errors
    ///
    /// [`CheckError`] if nothing was compared: the pool is full, or the system is out of threads,
    /// memory or random bytes.
    pub async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, CheckError> {
        Ok(self.check_noting(password, stored).await?.verdict)
    }

    /// As [`check`](Self::check), and says whether the stored hash was one to check by.
    pub(crate) async fn check_noting(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Checked, CheckError> {
        let hasher = Arc::clone(&self.hasher);
        let job = move || judge(&*hasher, &password, stored.as_ref());
        Ok(self.pool.run(job).await??)
    }

    /// Hashes a new password, for an account that is made or changed.
    ///
    /// # Errors
    ///
    /// [`CheckError::Hash`] if the hasher cannot take the whole password, and as
    /// [`check`](Self::check).
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, CheckError> {
        let hasher = Arc::clone(&self.hasher);
        let job = move || {
            cap(&password)?;
            hasher.hash(&password)
        };
        Ok(self.pool.run(job).await??)
    }
}

/// [`Bcrypt`] at its default cost on a [`HashingPool`] of its default size.
impl Default for PasswordCheck {
    fn default() -> Self {
        Self::new(Bcrypt::default(), HashingPool::default())
    }
}

impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCheck")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

fn judge(
    hasher: &dyn PasswordHasher,
    password: &Password,
    stored: Option<&PasswordHash>,
) -> Result<Checked, HashError> {
    let verify = |hash| cap(password).and_then(|()| hasher.verify(password, hash));
    let verified = stored.map(|hash| (hash, verify(hash)));
    match verified {
        Some((hash, Ok(true))) => Ok(Verdict::Right {
            rehashed: rehash(hasher, password, hash),
        }
        .into()),
        Some((_, Ok(false))) => Ok(Verdict::Wrong.into()),
        Some((_, Err(error @ HashError::Failed(_)))) => Err(error),
        // The hasher refused before it did any work, so the work is done here.
        Some((_, Err(HashError::TooLong { .. } | HashError::Nul))) | None => {
            decoy(hasher).map(|()| Verdict::Wrong.into())
        }
        Some((_, Err(error))) => {
            observe::stored_hash_refused(&error);
            decoy(hasher).map(|()| Checked {
                verdict: Verdict::Wrong,
                hash_refused: true,
            })
        }
    }
}

fn cap(password: &Password) -> Result<(), HashError> {
    let limit = MAX_PASSWORD_BYTES;
    let fits = password.expose().len() <= limit;
    fits.then_some(()).ok_or(HashError::TooLong { limit })
}

/// A failed rehash is no failed login: the old hash still holds.
fn rehash(
    hasher: &dyn PasswordHasher,
    password: &Password,
    stored: &PasswordHash,
) -> Option<PasswordHash> {
    if !hasher.needs_rehash(stored) {
        return None;
    }
    hasher
        .hash(password)
        .inspect_err(|error| observe::rehash_failed(error))
        .ok()
}

/// Why a password could be neither accepted nor refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CheckError {
    /// The pool did not run the check.
    Pool(PoolError),
    /// The hasher failed.
    Hash(HashError),
}

impl From<PoolError> for CheckError {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<HashError> for CheckError {
    fn from(error: HashError) -> Self {
        Self::Hash(error)
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => error.fmt(f),
            Self::Hash(error) => error.fmt(f),
        }
    }
}

impl Error for CheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pool(error) => Some(error),
            Self::Hash(error) => Some(error),
        }
    }
}
