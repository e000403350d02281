use proptest::prelude::{any, proptest};

use super::{
    HashError, Hashers, PasswordCheck, PasswordHash, PasswordHasher, Verdict, accepts, fast,
    is_too_costly, is_unreadable, one_thread, password,
};
use crate::password::Argon2id;

/// `pässwörd€` by argon2-cffi 25.1.0:
/// `PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)`.
const STORED: &str = "$argon2id$v=19$m=64,t=2,p=1$a0OHEKz7MI+7wBiLKhCILA$pVWV1D1M5EaaOuKhzPPFZkcyt9fVvVkPl0J4N3Jwpz4";
const SALT_AND_HASH: &str = "a0OHEKz7MI+7wBiLKhCILA$pVWV1D1M5EaaOuKhzPPFZkcyt9fVvVkPl0J4N3Jwpz4";

/// 64 KiB, two passes, one lane: what [`STORED`] was made with.
fn small() -> Argon2id {
    Argon2id::new(64, 2, 1).unwrap()
}

fn with_params(params: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19${params}${SALT_AND_HASH}"))
}

fn verify(hash: &PasswordHash) -> Result<bool, HashError> {
    small().verify(&password("pässwörd€"), hash)
}

#[test]
fn a_hash_of_argon2_cffi_verifies() {
    let two_lanes = "$argon2id$v=19$m=64,t=1,p=2$axNTu+96BiNt6adf9T/e2w$6KlKwIwbsNz8zj/gfV/2eQ";
    for (right, hash) in [("pässwörd€", STORED), ("correct horse", two_lanes)] {
        let stored = PasswordHash::new(hash);
        assert!(accepts(&small(), right, &stored), "{hash}");
        for wrong in ["", "passwort", "Correct horse", "correct horse "] {
            assert!(!accepts(&small(), wrong, &stored), "{wrong} {hash}");
        }
    }
}

/// RFC 9106 §3.1 names the inputs; the PHC text form writes them down.
#[test]
fn a_hash_is_in_the_phc_form_and_verifies() {
    let hash = small().hash(&password("correct horse")).unwrap();

    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
    assert!(small().recognizes(&hash));
    assert!(accepts(&small(), "correct horse", &hash));
    assert!(!accepts(&small(), "correct horsf", &hash));
    let again = small().hash(&password("correct horse")).unwrap();
    assert_ne!(hash, again);
}

/// OWASP Password Storage Cheat Sheet: m=47104 (46 MiB), t=1, p=1.
#[test]
fn the_default_is_the_first_setting_of_owasp() {
    let owasp = Argon2id::new(46 * 1024, 1, 1).unwrap();
    assert_eq!(format!("{:?}", Argon2id::default()), format!("{owasp:?}"));
}

/// bcrypt's two limits are not Argon2's (RFC 9106 §3.1: up to 2^32 - 1 bytes of any value).
#[test]
fn a_long_password_and_one_with_nul_are_taken_to_the_last_byte() {
    for stem in ["p".repeat(1_000), "p\0".repeat(40)] {
        let hash = small().hash(&password(format!("{stem}1"))).unwrap();
        assert!(accepts(&small(), &format!("{stem}1"), &hash));
        assert!(!accepts(&small(), &format!("{stem}2"), &hash));
        assert!(!accepts(&small(), &stem, &hash));
    }
}

#[test]
fn a_hash_may_ask_for_eight_times_the_own_work_and_no_more() {
    for params in ["m=512,t=2,p=1", "m=64,t=16,p=1", "m=64,t=2,p=8"] {
        assert!(
            matches!(verify(&with_params(params)), Ok(false)),
            "{params}"
        );
    }
    for params in [
        "m=513,t=2,p=1",
        "m=64,t=17,p=1",
        "m=128,t=2,p=9",
        "m=4294967295,t=2,p=1",
        "m=64,t=4294967295,p=1",
    ] {
        let answer = verify(&with_params(params));
        assert!(is_too_costly(&answer), "{params}: {answer:?}");
    }
}

#[test]
fn another_argon2_is_unreadable() {
    for hash in [
        "$argon2i$v=19$m=64,t=2,p=1$cJTWKErba6WpbY2lVnMZqg$7TRQ7oP58kijqTa6biIKpBg9bHLIdV0/E4l/Y7lBZsU",
        "$argon2d$v=19$m=64,t=2,p=1$K0JiNn0afmk0qegPXJz6Uw$Iystvj6hYyz/e/rkG7fDBjPcjfLHhYz/TohMLGfCEV4",
    ] {
        let stored = PasswordHash::new(hash);
        assert!(!small().recognizes(&stored));
        let answer = verify(&stored);
        assert!(is_unreadable(&answer), "{hash}: {answer:?}");
    }
}

#[test]
fn a_malformed_hash_is_unreadable() {
    let malformed = [
        String::new(),
        "secret123".to_owned(),
        "$".to_owned(),
        "$argon2id".to_owned(),
        "$argon2id$".to_owned(),
        "$2b$04$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq".to_owned(),
        STORED.replace("$argon2id$", "$Argon2id$"),
        STORED.replace("v=19", "v=18"),
        STORED.replace("v=19", "v=x"),
        STORED.replace("m=64", "m=0"),
        STORED.replace("m=64", "m=+64"),
        STORED.replace("m=64", "m=99999999999"),
        STORED.replace("t=2", "t=0"),
        STORED.replace("t=2", "t=€"),
        STORED.replace("p=1", "p=0"),
        STORED.replace("p=1", "p=1,x=1"),
        STORED.replace("a0OH", "a0=H"),
        STORED.replace("a0OH", "a€"),
        STORED.replace("a0OHEKz7MI+7wBiLKhCILA", "a0OH"),
        STORED.replace("pVWV", "p=WV"),
        format!("{STORED}$"),
        format!("{STORED}\n"),
        format!(" {STORED}"),
    ];
    for hash in malformed {
        let stored = PasswordHash::new(hash.as_str());
        let answer = verify(&stored);
        assert!(is_unreadable(&answer), "{hash:?}: {answer:?}");
    }
}

/// `Ok(false)` after no work would tell by its time that there is such an account.
#[test]
fn a_hash_without_its_last_parts_is_unreadable() {
    let parts: Vec<&str> = STORED.split('$').collect();
    for kept in 2..parts.len() {
        let stored = PasswordHash::new(parts[..kept].join("$"));
        let answer = Argon2id::default().verify(&password("pässwörd€"), &stored);
        assert!(is_unreadable(&answer), "{:?}: {answer:?}", stored.expose());
    }
}

#[test]
fn a_hash_needs_a_new_one_if_any_parameter_is_below_todays() {
    let needs = |memory, passes, lanes| {
        let hasher = Argon2id::new(memory, passes, lanes).unwrap();
        hasher.needs_rehash(&PasswordHash::new(STORED))
    };
    assert!(needs(65, 2, 1));
    assert!(needs(64, 3, 1));
    assert!(needs(64, 2, 2));
    assert!(!needs(64, 2, 1));
    assert!(!needs(32, 1, 1));
    assert!(!small().needs_rehash(&PasswordHash::new("$argon2id$")));
    assert!(!small().needs_rehash(&PasswordHash::new("")));
}

#[test]
fn parameters_outside_rfc_9106_are_no_configuration() {
    for (memory, passes, lanes) in [(7, 1, 1), (15, 1, 2), (64, 0, 1), (64, 1, 0)] {
        let refusal = Argon2id::new(memory, passes, lanes).unwrap_err();
        assert!(
            refusal.to_string().starts_with("no Argon2id parameters: "),
            "{refusal}"
        );
    }
}

/// Logs in with the right password and hands back what the store is to save.
async fn migrate(hashers: Hashers, stored: PasswordHash) -> PasswordHash {
    let check = PasswordCheck::new(hashers, one_thread());
    let wrong = check.check(password("guess"), Some(stored.clone())).await;
    assert!(matches!(wrong, Ok(Verdict::Wrong)), "{wrong:?}");
    match check.check(password("secret123"), Some(stored)).await {
        Ok(Verdict::Right {
            rehashed: Some(hash),
        }) => hash,
        other => panic!("{other:?}"),
    }
}

/// passlib's `deprecated="auto"`, in the direction that OWASP recommends.
#[tokio::test]
async fn a_login_moves_an_account_from_bcrypt_to_argon2id() {
    let stored = fast().hash(&password("secret123")).unwrap();
    let hashers = Hashers::new(small()).with_older(fast());

    let hash = migrate(hashers.clone(), stored).await;

    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
    assert!(accepts(&small(), "secret123", &hash));
    assert!(!hashers.needs_rehash(&hash));
}

#[tokio::test]
async fn a_login_moves_an_account_from_argon2id_to_bcrypt() {
    let stored = small().hash(&password("secret123")).unwrap();
    let hashers = Hashers::new(fast()).with_older(small());

    let hash = migrate(hashers.clone(), stored).await;

    assert_eq!(&hash.expose()[..7], "$2b$04$");
    assert!(accepts(&fast(), "secret123", &hash));
    assert!(!hashers.needs_rehash(&hash));
}

/// bcrypt cannot take such a password whole, so it stays with the scheme that can.
#[tokio::test]
async fn a_login_with_a_password_too_long_for_bcrypt_keeps_its_argon2id_hash() {
    let long = "s".repeat(100);
    let stored = small().hash(&password(long.as_str())).unwrap();
    let check = PasswordCheck::new(Hashers::new(fast()).with_older(small()), one_thread());

    let verdict = check.check(password(long), Some(stored)).await;

    assert!(
        matches!(verdict, Ok(Verdict::Right { rehashed: None })),
        "{verdict:?}"
    );
}

proptest! {
    #[test]
    fn no_stored_text_panics(
        text in any::<String>(),
        params in "(v=[0-9]{1,2}\\$)?(m=[0-9]{1,3},)?(t=[0-9]{1,2},)?(p=[0-9]{1,2})?",
        cut in 0..STORED.len(),
    ) {
        let hasher = Argon2id::new(8, 1, 1).unwrap();
        for hash in [
            format!("$argon2id${text}"),
            format!("$argon2id${params}${SALT_AND_HASH}"),
            format!("{}{text}", &STORED[..cut]),
        ] {
            let stored = PasswordHash::new(hash);
            hasher.verify(&password("secret123"), &stored).ok();
            hasher.needs_rehash(&stored);
            hasher.recognizes(&stored);
        }
    }
}
