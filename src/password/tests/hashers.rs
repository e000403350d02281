use super::{
    Bcrypt, HashError, Hashers, PasswordHash, PasswordHasher, Toy, accepts, fast, is_unreadable,
    password,
};

fn two_schemes() -> (Toy, Toy, Hashers) {
    let preferred = Toy::new("$new$");
    let older = Toy::new("$old$");
    let hashers = Hashers::new(preferred.clone()).with_older(older.clone());
    (preferred, older, hashers)
}

#[test]
fn a_new_password_is_hashed_by_the_preferred_scheme() {
    let (preferred, older, hashers) = two_schemes();

    let hash = hashers.hash(&password("secret123")).unwrap();

    assert_eq!(hash.expose(), "$new$secret123");
    assert_eq!((preferred.hashes(), older.hashes()), (1, 0));
}

#[test]
fn a_stored_hash_is_compared_by_the_scheme_that_made_it() {
    let (preferred, older, hashers) = two_schemes();

    assert!(accepts(
        &hashers,
        "secret123",
        &preferred.hash_of("secret123")
    ));
    assert_eq!((preferred.comparisons(), older.comparisons()), (1, 0));
    assert!(accepts(&hashers, "secret123", &older.hash_of("secret123")));
    assert_eq!((preferred.comparisons(), older.comparisons()), (1, 1));
    assert_eq!((preferred.hashes(), older.hashes()), (0, 0));
}

#[test]
fn each_of_several_older_schemes_is_known() {
    let (preferred, older, hashers) = two_schemes();
    let oldest = Toy::new("$oldest$");
    let hashers = hashers.with_older(oldest.clone());

    for scheme in [preferred, older, oldest] {
        let stored = scheme.hash_of("secret123");
        assert!(hashers.recognizes(&stored), "{}", scheme.prefix);
        assert!(accepts(&hashers, "secret123", &stored), "{}", scheme.prefix);
        assert!(!accepts(&hashers, "guess", &stored), "{}", scheme.prefix);
    }
}

/// passlib's `deprecated="auto"`: every scheme but the first is to be replaced.
#[test]
fn a_hash_needs_a_new_one_unless_the_preferred_scheme_is_content_with_it() {
    let (preferred, older, hashers) = two_schemes();
    assert!(!hashers.needs_rehash(&preferred.hash_of("secret123")));
    assert!(hashers.needs_rehash(&older.hash_of("secret123")));

    let stored = fast().hash(&password("secret123")).unwrap();
    let same = Hashers::new(fast()).with_older(older.clone());
    let stronger = Hashers::new(Bcrypt::new(5).unwrap()).with_older(older);
    assert!(!same.needs_rehash(&stored));
    assert!(stronger.needs_rehash(&stored));
}

#[test]
fn a_hash_of_no_known_scheme_is_unreadable() {
    let (preferred, older, hashers) = two_schemes();

    for text in [
        "",
        "$",
        "secret123",
        "$other$secret123",
        "$OLD$secret123",
        "€€",
    ] {
        let stored = PasswordHash::new(text);
        assert!(!hashers.recognizes(&stored), "{text}");
        let answer = hashers.verify(&password("secret123"), &stored);
        assert!(is_unreadable(&answer), "{text}: {answer:?}");
    }
    assert_eq!((preferred.comparisons(), older.comparisons()), (0, 0));
}

/// OWASP ASVS 6.3.8: an account that does not exist costs one hash of the preferred scheme, so a
/// wrong password costs no less where the stored hash is of a cheaper one.
#[test]
fn a_wrong_password_against_an_older_hash_costs_a_preferred_hash_too() {
    let (preferred, older, hashers) = two_schemes();

    assert!(!accepts(&hashers, "guess", &older.hash_of("secret123")));

    assert_eq!((older.comparisons(), preferred.hashes()), (1, 1));
}

/// As above. The preferred scheme may be one that cannot take this password whole.
#[test]
fn a_wrong_password_that_is_too_long_for_the_preferred_scheme_costs_a_preferred_hash_too() {
    let older = Toy::new("$old$");
    let mut preferred = Toy::new("$new$");
    preferred.limit = 72;
    let hashers = Hashers::new(preferred.clone()).with_older(older.clone());

    assert!(!accepts(
        &hashers,
        &"g".repeat(73),
        &older.hash_of("secret123")
    ));

    assert_eq!((older.comparisons(), preferred.hashes()), (1, 1));
}

#[test]
fn an_older_schemes_rule_on_passwords_holds_for_its_hashes_only() {
    let mut older = Toy::new("$old$");
    older.limit = 8;
    let hashers = Hashers::new(Toy::new("$new$")).with_older(older.clone());

    let answer = hashers.verify(&password("123456789"), &older.hash_of("12345678"));
    assert!(matches!(answer, Err(HashError::TooLong { limit: 8 })));
    assert!(hashers.hash(&password("123456789")).is_ok());
}
