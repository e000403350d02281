//! Digests, and what they are taken of.

use sha2::{Digest, Sha256};

use crate::model::{BearerToken, TokenDigest};

/// Tokens of up to 55 bytes are hashed in a way of our own.
#[test]
fn a_digest_is_the_sha_256_of_the_token_whatever_its_length() {
    let text = "acme_0123456789-._~+/ABCxyz".repeat(6);
    for length in 1..=text.len() {
        let token = &text[..length];
        let digest = BearerToken::parse(token).map(BearerToken::digest);
        let expected = TokenDigest::from_bytes(Sha256::digest(token).into());
        assert_eq!(digest, Some(expected), "{length} bytes");
    }
}

/// RFC 6750 §2.1: ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/".
#[test]
fn a_b64token_is_made_of_its_68_characters_and_no_others() {
    let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    for character in (0..=0xff).map(char::from) {
        let token = BearerToken::parse(&format!("a{character}b")).is_some();
        assert_eq!(token, allowed.contains(character), "{character:?}");
    }
}

/// A long token is looked at by many bytes at once, and none of them escapes.
#[test]
fn a_b64token_has_no_other_character_at_any_place() {
    for length in 1..70 {
        let good = "x".repeat(length);
        assert!(BearerToken::parse(&good).is_some(), "{length} bytes");
        for place in 0..length {
            let mut bad = good.clone().into_bytes();
            bad[place] = b' ';
            assert!(BearerToken::read(&bad).is_none(), "{place} of {length}");
            bad[place] = 0xff;
            assert!(BearerToken::read(&bad).is_none(), "{place} of {length}");
        }
        for padding in ["=", "=="] {
            let padded = good.clone() + padding;
            let read = BearerToken::parse(&padded).map(BearerToken::expose);
            assert_eq!(read, Some(&*padded));
        }
    }
}
