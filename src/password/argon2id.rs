use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{Error as PhcError, phc},
};

use super::{HashError, PasswordHasher, decoy};
use crate::model::{Password, PasswordHash};

/// The most that a stored hash may ask for, as a multiple of what this hasher is set to.
const CAP_FACTOR: u64 = 8;

/// Argon2id (RFC 9106), in the PHC text form `$argon2id$v=19$m=...,t=...,p=...$salt$hash`.
///
/// The default is 46 MiB of memory, one pass, one lane: the first of the settings that OWASP
/// ranks as equal. Each check at work takes that memory, so a
/// [`HashingPool`](super::HashingPool) of N threads takes N times 46 MiB.
///
/// A stored hash that asks for more than eight times this hasher's own work (memory times passes)
/// or lanes is refused as [`HashError::TooCostly`].
#[derive(Clone, Debug)]
pub struct Argon2id {
    params: Params,
}

impl Argon2id {
    /// Argon2id with `memory_kib` **KiB** of memory, `passes` over it and `lanes`.
    ///
    /// # Errors
    ///
    /// [`ParamsError`] outside what RFC 9106 §3.1 allows: at least 8 KiB for each lane, one
    /// pass, one lane.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::password::Argon2id;
    /// assert!(Argon2id::new(19 * 1024, 2, 1).is_ok());
    /// assert!(Argon2id::new(4, 2, 1).is_err());
    /// ```
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ParamsError> {
        let params = Params::new(memory_kib, passes, lanes, None).map_err(ParamsError)?;
        Ok(Self { params })
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    fn read(&self, hash: &PasswordHash) -> Result<(phc::PasswordHash, Params), HashError> {
        if !self.recognizes(hash) {
            return Err(HashError::Unreadable);
        }
        let parsed = phc::PasswordHash::new(hash.expose()).map_err(|_| HashError::Unreadable)?;
        if parsed.salt.is_none() || parsed.hash.is_none() {
            return Err(HashError::Unreadable);
        }
        let asked = Params::try_from(&parsed).map_err(|_| HashError::Unreadable)?;
        let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let affordable = work(&asked) <= work(&self.params).saturating_mul(CAP_FACTOR)
            && u64::from(asked.p_cost()) <= u64::from(self.params.p_cost()) * CAP_FACTOR;
        affordable
            .then_some((parsed, asked))
            .ok_or(HashError::TooCostly)
    }
}

impl Default for Argon2id {
    fn default() -> Self {
        Self::new(46 * 1024, 1, 1).expect("46 MiB, one pass, one lane are in range")
    }
}

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let hash: phc::PasswordHash = self
            .argon2()
            .hash_password(password.expose().as_bytes())
            .map_err(HashError::failed)?;
        Ok(PasswordHash::new(hash.to_string()))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        let (parsed, _) = self.read(hash)?;
        let found = self
            .argon2()
            .verify_password(password.expose().as_bytes(), &parsed);
        match found {
            Ok(()) => Ok(true),
            Err(PhcError::PasswordInvalid) => {
                // Weaker than today's, so quicker: the time would tell that there is an account.
                if self.needs_rehash(hash) {
                    decoy(self)?;
                }
                Ok(false)
            }
            Err(PhcError::OutOfMemory) => Err(HashError::failed(PhcError::OutOfMemory)),
            Err(_) => Err(HashError::Unreadable),
        }
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        hash.expose().starts_with("$argon2id$")
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        self.read(hash).is_ok_and(|(parsed, stored)| {
            parsed.version != Some(Version::V0x13.into())
                || stored.m_cost() < self.params.m_cost()
                || stored.t_cost() < self.params.t_cost()
                || stored.p_cost() < self.params.p_cost()
        })
    }
}

/// The parameters are outside what RFC 9106 allows.
#[derive(Clone, Copy, Debug)]
pub struct ParamsError(argon2::Error);

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no Argon2id parameters: {}", self.0)
    }
}

impl std::error::Error for ParamsError {}
