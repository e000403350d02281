use std::{
    io::{Error, ErrorKind},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use super::{
    Bcrypt, HashError, HashingPool, Password, PasswordCheck, PasswordHash, PasswordHasher,
    PoolError, Toy, Verdict, fast,
    held::{Held, begin},
    one_thread, password,
};
use crate::password::CheckError;

/// Answers as it is told to, and notes what it hashed.
#[derive(Clone)]
struct Scripted {
    verify: fn() -> Result<bool, HashError>,
    hash: fn() -> Result<PasswordHash, HashError>,
    hashed: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn new(verify: fn() -> Result<bool, HashError>) -> Self {
        Self {
            verify,
            hash: || Ok(PasswordHash::new("new")),
            hashed: Arc::default(),
        }
    }

    fn hashed(&self) -> Vec<String> {
        self.hashed.lock().unwrap().clone()
    }
}

impl PasswordHasher for Scripted {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let text = password.expose().to_owned();
        self.hashed.lock().unwrap().push(text);
        (self.hash)()
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Result<bool, HashError> {
        (self.verify)()
    }

    fn recognizes(&self, _: &PasswordHash) -> bool {
        true
    }

    fn needs_rehash(&self, _: &PasswordHash) -> bool {
        true
    }
}

fn failed() -> HashError {
    HashError::failed(Error::from(ErrorKind::OutOfMemory))
}

async fn check(
    hasher: impl PasswordHasher,
    given: &str,
    stored: Option<PasswordHash>,
) -> Result<Verdict, CheckError> {
    let check = PasswordCheck::new(hasher, one_thread());
    check.check(password(given), stored).await
}

#[tokio::test]
async fn the_right_password_is_right_and_a_good_hash_is_kept() {
    let toy = Toy::new("$toy$");
    let verdict = check(toy.clone(), "secret123", Some(toy.hash_of("secret123"))).await;

    assert!(matches!(verdict, Ok(Verdict::Right { rehashed: None })));
    assert_eq!((toy.comparisons(), toy.hashes()), (1, 0));
}

#[tokio::test]
async fn a_wrong_password_is_wrong_after_one_comparison() {
    let toy = Toy::new("$toy$");
    let verdict = check(toy.clone(), "guess", Some(toy.hash_of("secret123"))).await;

    assert!(matches!(verdict, Ok(Verdict::Wrong)));
    assert_eq!((toy.comparisons(), toy.hashes()), (1, 0));
}

/// OWASP ASVS 6.3.8: the time of an answer does not tell whether there is such an account.
#[tokio::test]
async fn without_a_stored_hash_any_password_is_wrong_after_one_hash() {
    for given in ["secret123", "", "decoy"] {
        let toy = Toy::new("$toy$");
        let verdict = check(toy.clone(), given, None).await;

        assert!(matches!(verdict, Ok(Verdict::Wrong)), "{given}");
        assert_eq!((toy.comparisons(), toy.hashes()), (0, 1), "{given}");
    }
}

#[tokio::test]
async fn an_unreadable_hash_is_wrong_after_one_hash() {
    for stored in ["", "secret123", "$other$secret123"] {
        let toy = Toy::new("$toy$");
        let verdict = check(toy.clone(), "secret123", Some(PasswordHash::new(stored))).await;

        assert!(matches!(verdict, Ok(Verdict::Wrong)), "{stored}");
        assert_eq!((toy.comparisons(), toy.hashes()), (0, 1), "{stored}");
    }
}

/// The hasher refuses before any work, so the work is done on some other text.
#[tokio::test]
async fn whatever_is_refused_before_the_work_is_wrong_after_one_hash_of_something_else() {
    let refusals: [fn() -> Result<bool, HashError>; 4] = [
        || Err(HashError::TooLong { limit: 72 }),
        || Err(HashError::Nul),
        || Err(HashError::Unreadable),
        || Err(HashError::TooCostly),
    ];
    for refusal in refusals {
        let hasher = Scripted::new(refusal);
        let stored = Some(PasswordHash::new("stored"));
        let verdict = check(hasher.clone(), "secret123", stored).await;

        assert!(matches!(verdict, Ok(Verdict::Wrong)), "{:?}", refusal());
        let texts = hasher.hashed();
        assert_eq!(texts.len(), 1, "{:?}", refusal());
        assert_ne!(texts[0], "secret123", "{:?}", refusal());
    }
}

#[tokio::test]
async fn a_password_that_bcrypt_cannot_take_is_wrong_with_and_without_an_account() {
    let stored = fast().hash(&password("secret123")).unwrap();
    for given in ["s".repeat(73), "secret123\0secret123".to_owned()] {
        for stored in [Some(stored.clone()), None] {
            let verdict = check(fast(), &given, stored).await;
            assert!(matches!(verdict, Ok(Verdict::Wrong)), "{given}");
        }
    }
}

/// Logs in neither by what the decoy is hashed from, nor by anything else.
#[tokio::test]
async fn an_account_without_a_hash_has_no_password_at_all() {
    for given in ["decoy", "", "secret123"] {
        let verdict = check(fast(), given, None).await;
        assert!(matches!(verdict, Ok(Verdict::Wrong)), "{given}");
    }
}

#[tokio::test]
async fn the_right_password_brings_a_stronger_hash_of_itself() {
    let stored = fast().hash(&password("secret123")).unwrap();
    let five = Bcrypt::new(5).unwrap();
    let verdict = check(five.clone(), "secret123", Some(stored)).await;

    let Ok(Verdict::Right {
        rehashed: Some(hash),
    }) = verdict
    else {
        panic!("{verdict:?}")
    };
    assert_eq!(&hash.expose()[..7], "$2b$05$");
    assert!(five.verify(&password("secret123"), &hash).unwrap());
    assert!(!five.needs_rehash(&hash));
}

#[tokio::test]
async fn a_wrong_password_brings_no_new_hash() {
    let hasher = Scripted::new(|| Ok(false));
    let verdict = check(hasher.clone(), "guess", Some(PasswordHash::new("stored"))).await;

    assert!(matches!(verdict, Ok(Verdict::Wrong)));
    assert_eq!(hasher.hashed(), Vec::<String>::new());
}

/// The old hash still holds, so the login goes through.
#[tokio::test]
async fn the_right_password_is_right_even_if_the_new_hash_fails() {
    let mut hasher = Scripted::new(|| Ok(true));
    hasher.hash = || Err(failed());
    let verdict = check(
        hasher.clone(),
        "secret123",
        Some(PasswordHash::new("stored")),
    )
    .await;

    assert!(matches!(verdict, Ok(Verdict::Right { rehashed: None })));
    assert_eq!(hasher.hashed(), ["secret123"]);
}

/// Neither right nor wrong: the client may try again.
#[tokio::test]
async fn a_hasher_that_fails_makes_the_check_fail() {
    let comparing = Scripted::new(|| Err(failed()));
    let mut hashing = Scripted::new(|| Err(HashError::Unreadable));
    hashing.hash = || Err(failed());

    for (hasher, stored) in [
        (comparing, Some(PasswordHash::new("stored"))),
        (hashing.clone(), Some(PasswordHash::new("stored"))),
        (hashing, None),
    ] {
        let verdict = check(hasher, "secret123", stored).await;
        assert!(
            matches!(verdict, Err(CheckError::Hash(HashError::Failed(_)))),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_hasher_that_panics_makes_the_check_fail() {
    let hasher = Scripted::new(|| panic!("a hasher with a bug"));
    let verdict = check(hasher, "secret123", Some(PasswordHash::new("stored"))).await;
    assert!(
        matches!(verdict, Err(CheckError::Pool(PoolError::Panicked))),
        "{verdict:?}"
    );
}

/// 503 to the client, whoever it asked for.
#[tokio::test]
async fn a_full_pool_makes_the_check_fail_for_every_account() {
    let pool = HashingPool::new(NonZeroUsize::MIN, 0);
    let (held, job) = Held::new();
    let worker = begin(pool.run(job));
    held.wait_for_begin();
    let toy = Toy::new("$toy$");
    let check = PasswordCheck::new(toy.clone(), pool.clone());

    for stored in [Some(toy.hash_of("secret123")), None] {
        let verdict = check.check(password("secret123"), stored).await;
        assert!(
            matches!(verdict, Err(CheckError::Pool(PoolError::Full))),
            "{verdict:?}"
        );
    }

    held.end();
    assert_eq!(worker.await, Ok(()));
}

#[tokio::test]
async fn a_new_password_is_hashed_or_refused_as_a_whole() {
    let check = PasswordCheck::new(fast(), one_thread());

    let hash = check.hash(password("secret123")).await.unwrap();
    assert!(fast().verify(&password("secret123"), &hash).unwrap());
    let long = check.hash(password("s".repeat(73))).await;
    assert!(
        matches!(
            long,
            Err(CheckError::Hash(HashError::TooLong { limit: 72 }))
        ),
        "{long:?}"
    );
}

/// A hasher without a limit of its own does not get to read kilobytes.
#[tokio::test]
async fn a_password_of_more_than_1024_bytes_is_wrong_after_one_hash_of_something_else() {
    for (length, right) in [(1024, true), (1025, false)] {
        let toy = Toy::new("$toy$");
        let text = "s".repeat(length);
        let verdict = check(toy.clone(), &text, Some(toy.hash_of(&text))).await;
        assert_eq!(matches!(verdict, Ok(Verdict::Right { .. })), right);
        assert_eq!(
            (toy.comparisons(), toy.hashes()),
            (right.into(), (!right).into())
        );

        let new = PasswordCheck::new(toy, one_thread())
            .hash(password(text))
            .await;
        assert_eq!(new.is_ok(), right);
        assert_eq!(is_too_long_for(&new, 1024), !right);
    }
}

fn is_too_long_for<T>(result: &Result<T, CheckError>, bytes: usize) -> bool {
    matches!(result, Err(CheckError::Hash(HashError::TooLong { limit })) if *limit == bytes)
}

#[tokio::test]
async fn hasher_and_pool_can_be_replaced() {
    let toy = Toy::new("$toy$");
    let check = PasswordCheck::default()
        .with_hasher(toy.clone())
        .with_pool(HashingPool::new(2.try_into().unwrap(), 3));

    let hash = check.hash(password("secret123")).await.unwrap();

    assert_eq!(hash, toy.hash_of("secret123"));
    assert_eq!(
        format!("{check:?}"),
        "PasswordCheck { pool: HashingPool { threads: 2, waiting: 3, .. }, .. }"
    );
}
