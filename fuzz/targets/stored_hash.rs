//! Password hashes as a store may hold them: read or refused, and nothing costs more than the cap.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::{
    model::{Password, PasswordHash},
    password::{Argon2id, Bcrypt, HashError, Hashers, PasswordHasher},
};

static BCRYPT: LazyLock<Bcrypt> =
    LazyLock::new(|| Bcrypt::new(4).unwrap().with_max_cost(4).unwrap());
static ARGON2: LazyLock<Argon2id> = LazyLock::new(|| Argon2id::new(8, 1, 1).unwrap());
static BOTH: LazyLock<Hashers> =
    LazyLock::new(|| Hashers::new(ARGON2.clone()).with_older(BCRYPT.clone()));

/// What a hash asks for by this parameter, if it says so once: the library has a default.
fn parameter(text: &str, name: &str) -> Option<u64> {
    let parts = text.split(['$', ',']);
    let mut found = parts.filter_map(|part| part.strip_prefix(name));
    let value = found.next()?.parse().ok()?;
    found.next().is_none().then_some(value)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (hash, password) = (PasswordHash::new(text), Password::new("secret123"));
    let refusal = |error: HashError| match error {
        HashError::Unreadable | HashError::TooCostly => {}
        // A row in a table is no failure of the server.
        other => panic!("{other:?}"),
    };
    let by_bcrypt = BCRYPT.verify(&password, &hash);
    if by_bcrypt.is_ok() {
        assert!(BCRYPT.recognizes(&hash) && !BCRYPT.needs_rehash(&hash));
        assert_eq!((&text[4..6], text.len()), ("04", 60));
    }
    let by_argon2 = ARGON2.verify(&password, &hash);
    if by_argon2.is_ok() {
        assert!(ARGON2.recognizes(&hash));
        let work = |text| parameter(text, "m=")?.checked_mul(parameter(text, "t=")?);
        assert!(work(text).is_none_or(|work| work <= 64));
    }
    let by_both = BOTH.verify(&password, &hash);
    let single = [by_bcrypt.as_ref().ok(), by_argon2.as_ref().ok()];
    assert_eq!(by_both.as_ref().ok(), single.into_iter().flatten().next());
    let _ = BOTH.needs_rehash(&hash);
    for result in [by_bcrypt, by_argon2, by_both] {
        let _ = result.map_err(refusal);
    }
});
