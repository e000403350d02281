use std::{fmt, str::FromStr};

use bcrypt::{BcryptError, HashParts};

use super::{HashError, PasswordHasher};
use crate::model::{Password, PasswordHash};

/// bcrypt reads no further than this, so a longer password would be cut.
const MAX_PASSWORD_BYTES: usize = 72;
/// About 0.2 s on a server of 2026.
const DEFAULT_COST: u32 = 12;
/// About 0.9 s: what a row in the database may ask for without the operator's word.
const DEFAULT_MAX_COST: u32 = 14;
/// What the scheme itself can express.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// bcrypt, the default hasher: cost 12 unless told otherwise.
///
/// It makes `$2b$` hashes and verifies `$2a$`, `$2b$` and `$2y$`, so hashes of passlib, PHP
/// and most others work as they are. Each step of the cost doubles the time: cost 10 takes
/// about 50 ms and cost 12 about 0.2 s on one core.
///
/// A password of more than 72 **bytes**, or with a NUL byte, is refused with an error: bcrypt
/// would look at a part of it only.
///
/// A wrong password takes as long against a hash of lower cost as against one of today's cost:
/// the difference is worked off. Otherwise the time would tell which accounts exist and have
/// an old hash. That does not work upwards: a hash of higher cost takes longer, so a hasher is not
/// to be set to a lower cost than hashes that are already stored.
#[derive(Clone, Debug)]
pub struct Bcrypt {
    cost: u32,
    max_cost: u32,
}

impl Bcrypt {
    /// bcrypt at `cost`, the binary logarithm of the number of rounds.
    ///
    /// # Errors
    ///
    /// [`CostError`] outside 4 to 31. OWASP asks for 10 or more.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::password::Bcrypt;
    /// assert!(Bcrypt::new(13).is_ok());
    /// assert!(Bcrypt::new(3).is_err());
    /// ```
    pub fn new(cost: u32) -> Result<Self, CostError> {
        let max_cost = DEFAULT_MAX_COST.max(cost);
        COSTS
            .contains(&cost)
            .then_some(Self { cost, max_cost })
            .ok_or(CostError(()))
    }

    /// Sets the highest cost that a *stored* hash may ask for. The default is 14, or this
    /// hasher's own cost if that is higher.
    ///
    /// One row with cost 31 would keep a core busy for a day.
    ///
    /// # Errors
    ///
    /// [`CostError`] above 31, or below this hasher's own cost.
    pub fn with_max_cost(mut self, max_cost: u32) -> Result<Self, CostError> {
        if max_cost < self.cost || !COSTS.contains(&max_cost) {
            return Err(CostError(()));
        }
        self.max_cost = max_cost;
        Ok(self)
    }

    /// Hashes and forgets: 2^low + 2^low + 2^(low+1) + ... + 2^(cost-1) is 2^cost, so after a
    /// check at cost `low` this makes up exactly what a check at full cost would have taken.
    fn work_off(&self, password: &Password, low: u32) -> Result<(), HashError> {
        for cost in low..self.cost {
            let hash = bcrypt::hash_bytes(password.expose(), cost).map_err(HashError::failed)?;
            std::hint::black_box(hash);
        }
        Ok(())
    }
}

impl Default for Bcrypt {
    fn default() -> Self {
        Self {
            cost: DEFAULT_COST,
            max_cost: DEFAULT_MAX_COST,
        }
    }
}

impl PasswordHasher for Bcrypt {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        check_password(password)?;
        let hash = bcrypt::hash(password.expose(), self.cost).map_err(HashError::failed)?;
        Ok(PasswordHash::new(hash))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        check_password(password)?;
        let cost = stored_cost(hash)?;
        if cost > self.max_cost {
            return Err(HashError::TooCostly);
        }
        let right = bcrypt::verify(password.expose(), hash.expose()).map_err(stored_hash_error)?;
        if !right {
            self.work_off(password, cost)?;
        }
        Ok(right)
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        let text = hash.expose();
        ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        stored_cost(hash).is_ok_and(|cost| cost < self.cost)
    }
}

/// bcrypt sees a password as an endless repetition of itself and a NUL byte, 72 bytes of it:
/// what is longer is cut, and `a` NUL `a` equals `a`.
fn check_password(password: &Password) -> Result<(), HashError> {
    let password = password.expose();
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(HashError::TooLong {
            limit: MAX_PASSWORD_BYTES,
        });
    }
    if password.contains('\0') {
        return Err(HashError::Nul);
    }
    Ok(())
}

fn stored_cost(hash: &PasswordHash) -> Result<u32, HashError> {
    let text = hash.expose();
    // The library's parser takes `+4` for a cost and computes `$2x$` as if it were `$2b$`.
    let digits = text.as_bytes().get(4..6).ok_or(HashError::Unreadable)?;
    if !digits.iter().all(u8::is_ascii_digit) || text.starts_with("$2x$") {
        return Err(HashError::Unreadable);
    }
    let cost = HashParts::from_str(text)
        .map_err(stored_hash_error)?
        .get_cost();
    COSTS
        .contains(&cost)
        .then_some(cost)
        .ok_or(HashError::Unreadable)
}

fn stored_hash_error(error: BcryptError) -> HashError {
    match error {
        BcryptError::InvalidHash(_) | BcryptError::CostNotAllowed(_) => HashError::Unreadable,
        other => HashError::failed(other),
    }
}

/// The cost is outside what bcrypt can express (4 to 31), or the cap is below the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostError(());

impl fmt::Display for CostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bcrypt cost is between 4 and 31, and a cap is not below the cost")
    }
}

impl std::error::Error for CostError {}
