mod bcrypt;
mod check;
mod hashers;
mod held;
mod pool;
mod vectors;

#[cfg(feature = "argon2")]
mod argon2id;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Bcrypt, HashError, Hashers, HashingPool, PasswordCheck, PasswordHasher, PoolError, Verdict,
};
use crate::model::{Password, PasswordHash};

/// bcrypt at the lowest cost there is, about a millisecond.
fn fast() -> Bcrypt {
    Bcrypt::new(4).unwrap()
}

fn one_thread() -> HashingPool {
    HashingPool::new(NonZeroUsize::MIN, 16)
}

fn password(text: impl Into<String>) -> Password {
    Password::new(text)
}

/// Whether `hasher` takes `text` for the password behind `hash`; fails if it cannot tell.
fn accepts(hasher: &impl PasswordHasher, text: &str, hash: &PasswordHash) -> bool {
    hasher.verify(&password(text), hash).unwrap()
}

fn is_unreadable<T>(result: &Result<T, HashError>) -> bool {
    matches!(result, Err(HashError::Unreadable))
}

fn is_too_costly<T>(result: &Result<T, HashError>) -> bool {
    matches!(result, Err(HashError::TooCostly))
}

fn is_too_long<T>(result: &Result<T, HashError>) -> bool {
    matches!(result, Err(HashError::TooLong { limit: 72 }))
}

fn is_nul<T>(result: &Result<T, HashError>) -> bool {
    matches!(result, Err(HashError::Nul))
}

/// A scheme that writes the password down behind a prefix, and counts its work.
#[derive(Clone)]
struct Toy {
    prefix: &'static str,
    /// The most bytes that it takes, as bcrypt has a limit.
    limit: usize,
    work: Arc<Work>,
}

#[derive(Default)]
struct Work {
    hashes: AtomicUsize,
    comparisons: AtomicUsize,
}

impl Toy {
    fn new(prefix: &'static str) -> Self {
        let work = Arc::default();
        Self {
            prefix,
            limit: usize::MAX,
            work,
        }
    }

    fn hashes(&self) -> usize {
        self.work.hashes.load(Ordering::SeqCst)
    }

    fn comparisons(&self) -> usize {
        self.work.comparisons.load(Ordering::SeqCst)
    }

    fn hash_of(&self, text: &str) -> PasswordHash {
        PasswordHash::new(format!("{}{text}", self.prefix))
    }

    fn admit(&self, password: &Password) -> Result<(), HashError> {
        let limit = self.limit;
        (password.expose().len() <= limit)
            .then_some(())
            .ok_or(HashError::TooLong { limit })
    }
}

impl PasswordHasher for Toy {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.admit(password)?;
        self.work.hashes.fetch_add(1, Ordering::SeqCst);
        Ok(self.hash_of(password.expose()))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        self.admit(password)?;
        if !self.recognizes(hash) {
            return Err(HashError::Unreadable);
        }
        self.work.comparisons.fetch_add(1, Ordering::SeqCst);
        Ok(*hash == self.hash_of(password.expose()))
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        hash.expose().starts_with(self.prefix)
    }

    fn needs_rehash(&self, _: &PasswordHash) -> bool {
        false
    }
}

/// OWASP ASVS 16.2.5: what a developer prints for a look holds no secret.
#[test]
fn debug_output_holds_no_secret() {
    let hash = fast().hash(&password("open sesame")).unwrap();
    let verdict = Verdict::Right {
        rehashed: Some(hash.clone()),
    };

    assert_eq!(format!("{:?}", password("open sesame")), "Password(..)");
    assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    assert_eq!(
        format!("{verdict:?}"),
        "Right { rehashed: Some(PasswordHash(..)) }"
    );
}

#[test]
fn debug_output_of_a_hasher_is_its_configuration() {
    let hashers = Hashers::new(Toy::new("$new$")).with_older(Toy::new("$old$"));
    let pool = HashingPool::new(NonZeroUsize::MIN, 5);
    let check = PasswordCheck::new(fast(), pool);

    assert_eq!(format!("{:?}", fast()), "Bcrypt { cost: 4, max_cost: 14 }");
    assert_eq!(format!("{hashers:?}"), "Hashers { older: 1, .. }");
    assert_eq!(
        format!("{check:?}"),
        "PasswordCheck { pool: HashingPool { threads: 1, waiting: 5, .. }, .. }"
    );
}

/// An error text goes to the log, so it names the rule and never the value.
#[test]
fn an_error_names_the_rule_that_was_broken() {
    let long = fast().hash(&password("s".repeat(73))).unwrap_err();
    let nul = fast().hash(&password("s\0")).unwrap_err();

    assert_eq!(long.to_string(), "the password is longer than 72 bytes");
    assert_eq!(nul.to_string(), "the password holds a NUL byte");
    assert_eq!(
        PoolError::Full.to_string(),
        "too many password checks are waiting"
    );
}
