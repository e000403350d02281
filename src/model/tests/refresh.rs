//! Refresh tokens and their successors.

use std::collections::HashSet;

use crate::model::{BearerToken, FamilyId, RefreshToken, Salt, TokenPrefix};

/// The 48 bytes 00 01 02 .. 2f, in base64url.
const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v";

fn prefix(prefix: &str) -> TokenPrefix {
    TokenPrefix::new(prefix).unwrap()
}

fn parse(text: &str) -> RefreshToken {
    RefreshToken::parse(text).unwrap()
}

/// a0 a1 a2 .. bf.
fn salt() -> Salt {
    let mut bytes = [0; 32];
    for (byte, value) in bytes.iter_mut().zip(0xa0..) {
        *byte = value;
    }
    Salt(Box::new(bytes.into()))
}

/// RFC 6749 §10.10: 64 characters of base64url hold 384 bits.
#[test]
fn a_refresh_token_is_64_characters_behind_its_prefix() {
    for text in ["", "acme_", "a.b~c+d/e"] {
        let token = RefreshToken::generate(&prefix(text)).unwrap();
        let random = token.expose().strip_prefix(text).unwrap();
        assert_eq!(random.len(), 64);
        assert!(
            random
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert!(BearerToken::parse(token.expose()).is_some());
    }
}

/// RFC 6749 §10.10: nothing of a login is in another.
#[test]
fn no_two_logins_have_a_token_or_a_family_in_common() {
    let tokens: Vec<_> = (0..1000)
        .map(|_| RefreshToken::generate(&prefix("")).unwrap())
        .collect();
    let texts: HashSet<_> = tokens.iter().map(RefreshToken::expose).collect();
    let families: HashSet<_> = tokens.iter().map(RefreshToken::family).collect();
    let digests: HashSet<_> = tokens.iter().map(RefreshToken::digest).collect();
    assert_eq!(
        (texts.len(), families.len(), digests.len()),
        (1000, 1000, 1000)
    );
}

#[test]
fn a_refresh_token_is_read_back_whatever_its_prefix() {
    for text in ["", "acme_", "a.b~c+d/e"] {
        let token = RefreshToken::generate(&prefix(text)).unwrap();
        let read = parse(token.expose());
        assert_eq!(read.expose(), token.expose());
        assert_eq!(read.family(), token.family());
        assert_eq!(read.digest(), token.digest());
    }
}

#[test]
fn what_is_no_refresh_token_is_not_read() {
    let short = &TOKEN[1..];
    let padded = format!("{TOKEN}=");
    let double = format!("{short}==");
    let standard = TOKEN.replace('L', "+");
    let slash = TOKEN.replace('L', "/");
    let space = TOKEN.replace('L', " ");
    let dot = TOKEN.replace('L', ".");
    let accents = "é".repeat(64);
    let accent_first = format!("é{TOKEN}");
    for text in [
        "",
        "A",
        "=",
        short,
        &padded,
        &double,
        &standard,
        &slash,
        &space,
        &dot,
        &accents,
        &accent_first,
        &".".repeat(64),
        &"=".repeat(64),
        &"/".repeat(10_000),
        &format!(" {TOKEN}"),
        &format!("{TOKEN}\n"),
        &format!("{TOKEN}\0"),
    ] {
        assert!(RefreshToken::parse(text).is_none(), "{text:?}");
    }
}

/// FIPS 180-4: the digest is the SHA-256 of the whole text, the family the first half of the
/// SHA-256 of the first 16 bytes. The values are those of Python's `hashlib`.
#[test]
fn the_digest_and_the_family_of_a_token_are_known() {
    let token = parse(TOKEN);
    let hex = |bytes: &[u8]| {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
        hex.collect::<String>()
    };
    assert_eq!(
        hex(token.digest().as_bytes()),
        "90b7f18934aba31fe47bbc8fca3bd060167ded5c6dd8a7f053d75eca83ce35c2"
    );
    assert_eq!(
        token.family().to_string(),
        "be45cb2605bf36bebde684841a28f0fd"
    );
    let behind_a_prefix = parse(&format!("acme_{TOKEN}"));
    assert_eq!(behind_a_prefix.family(), token.family());
    assert_eq!(
        hex(behind_a_prefix.digest().as_bytes()),
        "dc325b63cf7918a934fa76900a6de2994676cc4c97700431c6d2db7ff145ce2d"
    );
}

/// RFC 5869: HKDF-SHA256 of the token's text under the salt. The values were computed with
/// Python's `hmac`, by a function that reproduces RFC 5869 A.1.
#[test]
fn the_successors_of_a_token_are_known() {
    let (access, refresh) = parse(TOKEN).successors(&prefix(""), &salt());
    assert_eq!(
        access.expose(),
        "uhhkKonmOm01BzCMgea0uO-t-XLUuUJjP7fp__rsvCw"
    );
    assert_eq!(
        refresh.expose(),
        "AAECAwQFBgcICQoLDA0OD1pG94LQoxwdCcUtWTprqPzKGwYnCkJagz-AuKtkUaDq"
    );

    let salt = Salt(Box::new([0x5a; 32].into()));
    let (access, refresh) = refresh.successors(&prefix(""), &salt);
    assert_eq!(
        access.expose(),
        "_Z6OKCT8WqTsF1gppk7lgXbkAX97FjD5vwB9MpWeS9w"
    );
    assert_eq!(
        refresh.expose(),
        "AAECAwQFBgcICQoLDA0OD9vHMIA6Pp11K8eS9AlT3Z6rpZ6SEmI6qafal2ElUgGv"
    );
}

/// The prefix is part of the text that goes into HKDF, and stands before what comes out.
#[test]
fn the_successors_of_a_token_with_a_prefix_are_known() {
    let token = parse(&format!("acme_{TOKEN}"));
    let (access, refresh) = token.successors(&prefix("acme_"), &salt());
    assert_eq!(
        access.expose(),
        "acme_X5vV0HkY0gnMgd6s2IFdJBi0sernhTUCb32s8Tb1zXo"
    );
    assert_eq!(
        refresh.expose(),
        "acme_AAECAwQFBgcICQoLDA0OD7VEtO6o_lD4U1-BoligQNu5KB33yUc6WHJwQrsCm_8d"
    );
}

#[test]
fn the_same_salt_gives_the_same_pair_and_another_salt_another_one() {
    let token = RefreshToken::generate(&prefix("")).unwrap();
    let salts: Vec<_> = (0..100).map(|_| Salt::generate().unwrap()).collect();
    let pair = |salt| {
        let (access, refresh) = token.successors(&prefix(""), salt);
        [access.expose().to_owned(), refresh.expose().to_owned()]
    };
    let pairs: HashSet<_> = salts.iter().map(pair).collect();
    assert_eq!(pairs.len(), 100);
    let texts: HashSet<_> = pairs.iter().flatten().collect();
    assert_eq!(texts.len(), 200);
    for salt in &salts {
        assert!(pairs.contains(&pair(salt)));
    }
}

/// The first 128 bits lead to the family for as long as it is refreshed; all others change.
#[test]
fn the_family_stays_and_the_secret_changes() {
    let mut token = RefreshToken::generate(&prefix("acme_")).unwrap();
    let family = token.family();
    let mut secrets = HashSet::new();
    for _ in 0..100 {
        let salt = Salt::generate().unwrap();
        let (_, next) = token.successors(&prefix("acme_"), &salt);
        assert_eq!(next.family(), family);
        assert_eq!(parse(next.expose()).family(), family);
        // 16 bytes are 21 characters and a third of one.
        assert_eq!(next.expose()[..5 + 21], token.expose()[..5 + 21]);
        assert!(secrets.insert(next.expose()[5 + 22..].to_owned()));
        token = next;
    }
}

/// A family id is shown and logged, so it says nothing of the handle in its tokens.
#[test]
fn a_family_id_is_not_the_beginning_of_its_tokens() {
    let token = parse(TOKEN);
    let handle: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    assert_ne!(token.family(), FamilyId::from_bytes(handle));
    assert_eq!(
        FamilyId::from_bytes(*token.family().as_bytes()),
        token.family()
    );
}

/// OWASP ASVS 16.2.5: no secret in a log.
#[test]
fn a_refresh_token_does_not_show_in_debug_output() {
    let token = parse(TOKEN);
    assert_eq!(format!("{token:?}"), "RefreshToken(..)");
    assert_eq!(
        format!("{:?}", token.successors(&prefix(""), &salt())),
        "(AccessToken(..), RefreshToken(..))"
    );
    assert_eq!(
        format!("{:?}", token.family()),
        "FamilyId(be45cb2605bf36bebde684841a28f0fd)"
    );
}
