use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};

use super::{
    Bcrypt, HashError, PasswordHash, PasswordHasher, accepts, fast, is_nul, is_too_costly,
    is_too_long, is_unreadable, password,
};
use crate::password::CostError;

/// `correct horse` at cost 4, by passlib.
const STORED: &str = "$2b$04$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq";

/// [`STORED`] with `text` over its bytes from `at` on. Its length stays 60.
fn stored_with(at: usize, text: &str) -> String {
    let mut hash = STORED.to_owned();
    hash.replace_range(at..at + text.len(), text);
    hash
}

fn with_cost(cost: u32) -> String {
    stored_with(4, &format!("{cost:02}"))
}

fn verify(hasher: &Bcrypt, hash: &str) -> Result<bool, HashError> {
    hasher.verify(&password("correct horse"), &PasswordHash::new(hash))
}

fn assert_unreadable(hash: &str) {
    let answer = verify(&fast(), hash);
    assert!(is_unreadable(&answer), "{hash:?}: {answer:?}");
    let strongest = Bcrypt::new(31).unwrap();
    assert!(
        !strongest.needs_rehash(&PasswordHash::new(hash)),
        "{hash:?}"
    );
}

#[test]
fn the_stored_hash_of_these_tests_is_a_good_one() {
    assert!(matches!(verify(&fast(), STORED), Ok(true)));
}

#[test]
fn a_hash_is_of_version_2b_at_the_set_cost_and_60_bytes_long() {
    let hash = fast().hash(&password("correct horse")).unwrap();

    assert_eq!(&hash.expose()[..7], "$2b$04$");
    assert_eq!(hash.expose().len(), 60);
    assert!(accepts(&fast(), "correct horse", &hash));
    assert!(!accepts(&fast(), "correct horsf", &hash));
}

/// NIST SP 800-63B-4 §3.1.1.2: a salt, chosen at random, for each hash.
#[test]
fn two_hashes_of_one_password_have_different_salts() {
    let salt = || fast().hash(&password("correct horse")).unwrap().expose()[7..29].to_owned();
    assert_ne!(salt(), salt());
}

#[test]
fn a_hash_of_another_length_is_unreadable() {
    for length in 0..STORED.len() {
        assert_unreadable(&STORED[..length]);
    }
    assert_unreadable(&format!("{STORED}."));
    assert_unreadable(&format!("{STORED}\n"));
    assert_unreadable(&format!(" {STORED}"));
    assert_unreadable(&STORED.repeat(2));
}

/// `$2x$` marks hashes of a PHP that mangled 8-bit passwords: as `$2b$` they would be wrong.
#[test]
fn a_hash_of_an_unknown_version_is_unreadable() {
    for version in [
        "$2x$", "$2c$", "$2B$", "$1b$", "$3b$", "$$b$", "$2$b", "2b$$",
    ] {
        assert_unreadable(&stored_with(0, version));
    }
    assert_unreadable("$2$04$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq");
    assert_unreadable("$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81");
}

/// A lenient number parser takes `+4` for 4.
#[test]
fn a_cost_that_is_not_two_digits_is_unreadable() {
    for cost in ["+4", "-4", " 4", "4$", "xx", "0x", "4.", "\t4", "\0\0"] {
        assert_unreadable(&stored_with(4, cost));
    }
    assert_unreadable("$2b$4$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq");
    assert_unreadable("$2b$+4$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq");
    assert_unreadable("$2b$004$IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq");
}

#[test]
fn a_cost_that_bcrypt_cannot_express_is_unreadable() {
    for cost in [0, 1, 2, 3, 32, 33, 64, 99] {
        assert_unreadable(&with_cost(cost));
    }
}

/// The last character of salt and hash each has bits to spare, and a set one is no base64.
#[test]
fn a_salt_or_a_hash_that_is_no_base64_is_unreadable() {
    for at in [7, 15, 28, 29, 45, 59] {
        for wrong in ["=", "+", "-", "_", "$", " ", "\0", "\n"] {
            assert_unreadable(&stored_with(at, wrong));
        }
    }
    assert_unreadable(&stored_with(28, "f"));
    assert_unreadable(&stored_with(59, "r"));
}

#[test]
fn a_character_of_several_bytes_is_unreadable_wherever_it_stands() {
    for wide in ["é", "€", "🔑"] {
        for at in 0..=STORED.len() - wide.len() {
            assert_unreadable(&stored_with(at, wide));
        }
    }
    assert_unreadable(&"é".repeat(30));
    assert_unreadable(&"🔑".repeat(15));
}

/// At cost 31 a hash takes days: this test ends because none is made.
#[test]
fn a_hash_above_the_cap_is_refused_before_any_work() {
    for cost in 15..=31 {
        let answer = verify(&fast(), &with_cost(cost));
        assert!(is_too_costly(&answer), "{cost}: {answer:?}");
    }
}

#[test]
fn the_cap_follows_a_cost_above_it_and_can_be_set() {
    let fifteen = Bcrypt::new(15).unwrap();
    let capped = fast().with_max_cost(5).unwrap();

    assert!(is_too_costly(&verify(&fifteen, &with_cost(16))));
    assert!(matches!(verify(&capped, &with_cost(5)), Ok(false)));
    assert!(is_too_costly(&verify(&capped, &with_cost(6))));
}

#[test]
fn a_cost_outside_4_to_31_or_a_cap_below_the_cost_is_no_configuration() {
    let refusal = |result: Result<Bcrypt, CostError>| result.unwrap_err().to_string();
    let rule = "a bcrypt cost is between 4 and 31, and a cap is not below the cost";

    for cost in [0, 3, 32, u32::MAX] {
        assert_eq!(refusal(Bcrypt::new(cost)), rule);
    }
    for cap in [0, 4, 32, u32::MAX] {
        assert_eq!(refusal(Bcrypt::new(5).unwrap().with_max_cost(cap)), rule);
    }
}

/// The entire password counts (NIST SP 800-63B-4 §3.1.1.2), and bcrypt reads 72 bytes.
#[test]
fn a_password_of_72_bytes_is_taken_to_its_last_byte() {
    for longest in [
        "a".repeat(72),
        "é".repeat(36),
        "€".repeat(24),
        "🔑".repeat(18),
    ] {
        let hash = fast().hash(&password(longest.as_str())).unwrap();
        assert!(accepts(&fast(), &longest, &hash), "{longest}");
    }
    let hash = fast().hash(&password("a".repeat(72))).unwrap();
    assert!(!accepts(&fast(), &format!("{}b", "a".repeat(71)), &hash));
    assert!(!accepts(&fast(), &"a".repeat(71), &hash));
}

/// OWASP ASVS 6.2.8: not cut. The limit counts bytes, so 72 characters can be too many.
#[test]
fn a_password_of_73_bytes_is_refused_and_not_cut() {
    let stored = fast().hash(&password("a".repeat(72))).unwrap();
    let one_wide = format!("{}é", "a".repeat(71));
    assert_eq!(one_wide.chars().count(), 72);

    for long in ["a".repeat(73), one_wide, "€".repeat(25), "a".repeat(10_000)] {
        let long = password(long);
        assert!(is_too_long(&fast().hash(&long)));
        assert!(is_too_long(&fast().verify(&long, &stored)));
    }
}

/// bcrypt repeats the password with a NUL after it: `ab` NUL `ab` would be accepted for `ab`.
#[test]
fn a_password_with_a_nul_byte_is_refused() {
    let empty = fast().hash(&password("")).unwrap();
    let stored = fast().hash(&password("ab")).unwrap();

    for text in ["\0", "ab\0", "\0ab", "ab\0ab", "é\0é"] {
        assert!(is_nul(&fast().hash(&password(text))), "{text:?}");
        assert!(is_nul(&fast().verify(&password(text), &stored)), "{text:?}");
        assert!(is_nul(&fast().verify(&password(text), &empty)), "{text:?}");
    }
}

/// OWASP ASVS 6.2.8: exactly as received.
#[test]
fn a_password_is_neither_trimmed_nor_normalised_nor_folded() {
    let hash = fast().hash(&password("Caf\u{e9} 1")).unwrap();
    for other in [
        "Cafe\u{301} 1",
        "caf\u{e9} 1",
        " Caf\u{e9} 1",
        "Caf\u{e9} 1 ",
    ] {
        assert!(!accepts(&fast(), other, &hash), "{other}");
    }
}

#[test]
fn a_hash_needs_a_new_one_if_its_cost_is_below_todays() {
    let needs = |cost, hash: &str| {
        let hasher = Bcrypt::new(cost).unwrap();
        hasher.needs_rehash(&PasswordHash::new(hash))
    };
    assert!(needs(5, STORED));
    assert!(needs(12, &with_cost(11)));
    assert!(!needs(4, STORED));
    assert!(!needs(4, &with_cost(5)));
    assert!(!needs(4, &stored_with(0, "$2a$")));
    assert!(!needs(31, "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AAAA"));
}

/// The difference to the full cost is worked off, which must not change the answer.
#[test]
fn a_wrong_password_against_a_hash_of_lower_cost_is_wrong() {
    let six = Bcrypt::new(6).unwrap();
    let stored = PasswordHash::new(STORED);
    assert!(accepts(&six, "correct horse", &stored));
    assert!(!accepts(&six, "wrong horse", &stored));
}

/// A database column holds anything: a text, an almost right prefix, a hash with some of its
/// characters changed.
fn anything() -> impl Strategy<Value = String> {
    let prefix = "(\\$2[abxy]?\\$)?([0-9+]{2})?\\$?";
    let changes = proptest::collection::vec((0..60_usize, any::<char>()), 0..4);
    let almost = changes.prop_map(|changes| {
        let mut characters: Vec<char> = STORED.chars().collect();
        for (at, character) in changes {
            characters[at] = character;
        }
        characters.into_iter().collect()
    });
    prop_oneof![
        any::<String>(),
        (prefix, any::<String>()).prop_map(|(prefix, rest)| prefix + &rest),
        "\\$2[abxy]\\$0[0-9]\\$[./A-Za-z0-9]{53}",
        almost,
    ]
}

proptest! {
    /// With the cap at cost 4 nothing slow is computed, whatever the text asks for.
    #[test]
    fn no_stored_text_panics(text in anything(), guess in any::<String>()) {
        let hasher = fast().with_max_cost(4).unwrap();
        let stored = PasswordHash::new(text.as_str());
        let answer = hasher.verify(&password(guess.replace('\0', "")), &stored);

        if matches!(answer, Ok(_) | Err(HashError::TooCostly)) {
            prop_assert!(hasher.recognizes(&stored), "{text:?}");
        }
        let stronger = Bcrypt::new(31).unwrap().needs_rehash(&stored);
        if is_unreadable(&answer) {
            prop_assert!(!stronger, "{text:?}");
        }
    }
}
