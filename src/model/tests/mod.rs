use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
mod chain;
mod digest;
mod refresh;

use super::{
    AccessToken, BearerToken, Clock, Lifetime, LifetimeError, Password, PasswordHash, Realm, Scope,
    Session, Subject, Timestamp, TokenDigest, TokenPrefix,
};

/// RFC 6749 §3.3: `scope-token *( SP scope-token )`, %x21 / %x23-5B / %x5D-7E.
#[test]
fn a_scope_is_tokens_with_one_space_between() {
    for good in ["a", "a b", "!", "#[", "]~", "items:read", "https://x/y"] {
        assert!(good.parse::<Scope>().is_ok(), "{good:?}");
    }
    for bad in [
        "", " ", " a", "a ", "a  b", "a\tb", "a\nb", "\"", "\\", "é", "\x7f",
    ] {
        assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
    }
}

/// RFC 6749 §3.3: order does not matter and case does.
#[test]
fn a_scope_is_a_set() {
    let scope: Scope = "b a b".parse().unwrap();
    assert_eq!(scope, "a b".parse().unwrap());
    assert_eq!(scope.to_string(), "a b");
    assert_ne!(scope, "A b".parse().unwrap());
}

#[test]
fn a_scope_covers_its_subsets() {
    let scope: Scope = "items:read me".parse().unwrap();
    assert!(scope.covers(&"me".parse().unwrap()));
    assert!(scope.covers(&scope));
    assert!(scope.covers(&Scope::EMPTY));
    assert!(
        !scope.covers(&"items".parse().unwrap()),
        "a prefix of a token is another token"
    );
    assert!(!scope.covers(&"me items:write".parse().unwrap()));
    assert!(!Scope::EMPTY.covers(&"me".parse().unwrap()));
    assert!(Scope::EMPTY.covers(&Scope::EMPTY));
}

/// Few tokens, some the beginning of others, so that sets overlap.
fn scope_tokens() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("[ab]{1,2}|items:(read|write)|!", 0..6)
}

/// The empty set has no text (RFC 6749 §3.3).
fn scope_of(tokens: &BTreeSet<String>) -> Scope {
    if tokens.is_empty() {
        return Scope::EMPTY;
    }
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    tokens.join(" ").parse().unwrap()
}

proptest! {
    /// What a client may have of what a user may have: the intersection of two sets, sorted as
    /// every scope is, so that it equals the one that is parsed.
    #[test]
    fn what_two_scopes_have_in_common_is_their_intersection(
        first in scope_tokens(), second in scope_tokens(),
    ) {
        let (own, other) = (scope_of(&first), scope_of(&second));
        let common = own.common(&other);
        let expected = first.intersection(&second).cloned().collect();
        prop_assert_eq!(&common, &scope_of(&expected));
        prop_assert_eq!(common.to_string(), scope_of(&expected).to_string());
        prop_assert_eq!(&common, &other.common(&own));
        prop_assert!(own.covers(&common) && other.covers(&common));
        prop_assert_eq!(common.is_empty(), expected.is_empty());
        prop_assert_eq!(own.covers(&other), second.is_subset(&first));
    }
}

#[test]
fn a_lifetime_is_whole_seconds_and_never_zero() {
    assert_eq!(
        Lifetime::new(Duration::from_millis(1_999))
            .unwrap()
            .as_secs(),
        1
    );
    assert_eq!(
        Lifetime::new(Duration::from_millis(999)),
        Err(LifetimeError)
    );
    assert_eq!(
        Lifetime::new(Duration::from_secs(1 << 32)),
        Err(LifetimeError)
    );
    let longest = Lifetime::new(Duration::from_secs((1 << 32) - 1)).unwrap();
    assert_eq!(longest.as_secs(), u32::MAX);
}

#[test]
fn a_time_beyond_the_last_is_the_last() {
    let last = Timestamp::from_secs(u64::MAX);
    assert_eq!(last + Lifetime::HOUR, last);
}

#[test]
fn the_system_clock_is_past_2026_and_cannot_be_set() {
    let clock = Clock::system();
    let before = clock.now();
    clock.advance(Duration::from_secs(1_000_000));
    assert!(before > Timestamp::from_secs(1_767_225_600));
    assert!(clock.now() < before + Lifetime::HOUR);
}

/// RFC 6749 §5.1: `expires_in` counts full seconds.
#[test]
fn a_session_is_over_in_the_second_it_expires() {
    let at = Timestamp::from_secs;
    let session = Session::new(Subject::new("meera").unwrap(), at(100), at(160));
    assert!(!session.is_expired_at(at(159)));
    assert!(session.is_expired_at(at(160)));
    assert!(session.is_expired_at(at(161)));
}

#[test]
fn the_quick_clock_is_hardly_behind_and_never_ahead() {
    let clock = Clock::system();
    let before = clock.now();
    let lately = clock.lately();
    assert!(lately <= clock.now());
    assert!(before.as_secs() <= lately.as_secs() + 1);

    let manual = Clock::manual(Timestamp::from_secs(1_000));
    assert_eq!(manual.lately(), manual.now());
}

/// RFC 6750 §2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
#[test]
fn a_bearer_token_is_a_b64token() {
    for good in ["a", "a=", "a==", "-._~+/", "A0z", "mF_9.B5f-4.1JqM"] {
        assert_eq!(
            BearerToken::parse(good).map(BearerToken::expose),
            Some(good)
        );
    }
    for bad in ["", "=", "==", "a=b", "a b", "a,b", "a\"", "é", "a\n", "a\0"] {
        assert!(BearerToken::parse(bad).is_none(), "{bad:?}");
    }
}

/// RFC 6749 §10.10: not to be guessed. 43 characters of base64url hold 256 bits.
#[test]
fn an_access_token_is_256_random_bits_behind_its_prefix() {
    let prefix = TokenPrefix::new("acme_").unwrap();
    let first = AccessToken::generate(&prefix).unwrap();
    let second = AccessToken::generate(&prefix).unwrap();
    assert_ne!(first.expose(), second.expose());
    let random = first.expose().strip_prefix("acme_").unwrap();
    assert_eq!(random.len(), 43);
    assert!(
        random
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    assert!(BearerToken::parse(first.expose()).is_some());
}

#[test]
fn a_token_prefix_fits_into_a_b64token() {
    assert!(TokenPrefix::new("").is_ok());
    assert!(TokenPrefix::new("a".repeat(32)).is_ok());
    for bad in [&*"a".repeat(33), "a b", "a=", "é", "a\""] {
        assert!(TokenPrefix::new(bad).is_err(), "{bad:?}");
    }
}

/// FIPS 180-4: the digest of "abc".
#[test]
fn a_digest_is_the_sha_256_of_the_token() {
    let digest = BearerToken::parse("abc").unwrap().digest();
    let bytes = digest.as_bytes();
    assert_eq!(bytes[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(bytes[28..], [0xf2, 0x00, 0x15, 0xad]);
    assert_eq!(TokenDigest::from_bytes(*bytes), digest);
}

/// OWASP ASVS 16.2.5: no secret in a log.
#[test]
fn no_secret_shows_in_debug_output() {
    let token = AccessToken::generate(&TokenPrefix::default()).unwrap();
    assert_eq!(format!("{token:?}"), "AccessToken(..)");
    assert_eq!(format!("{:?}", token.as_bearer()), "BearerToken(..)");
    assert_eq!(format!("{:?}", Password::new("secret123")), "Password(..)");
    assert_eq!(
        format!("{:?}", PasswordHash::new("$2b$12$x")),
        "PasswordHash(..)"
    );
    let abc = BearerToken::parse("abc").unwrap().digest();
    assert_eq!(format!("{abc:?}"), "TokenDigest(ba7816bf..)");
}

#[test]
fn a_subject_has_a_reasonable_length_and_no_control_characters() {
    assert!(Subject::new("a".repeat(255)).is_ok());
    for bad in [&*"a".repeat(256), "", "a\nb", "a\0"] {
        assert!(Subject::new(bad).is_err(), "{bad:?}");
    }
}

/// RFC 9110 §5.6.4: what a quoted string holds without escaping.
#[test]
fn a_realm_is_printable_ascii_without_quotation_mark_and_backslash() {
    assert!(Realm::new("Orders API, v2").is_ok());
    for bad in ["", "a\"b", "a\\b", "a\r\nb", "é"] {
        assert!(Realm::new(bad).is_err(), "{bad:?}");
    }
}
