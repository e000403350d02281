//! What a client presents as a refresh token: whose it is, and what follows upon it.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::{BearerToken, RefreshToken, Salt, TokenPrefix};

/// 48 bytes in base64url behind a prefix of characters that a token may have.
fn bytes(text: &str) -> Option<[u8; 48]> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let start = text.len().checked_sub(64)?;
    let (prefix, token) = text.split_at_checked(start)?;
    prefix.bytes().all(allowed).then_some(())?;
    URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let token = RefreshToken::parse(text);
    assert_eq!(token.is_some(), bytes(text).is_some());
    let Some(token) = token else {
        return;
    };
    assert_eq!(token.expose(), text);
    assert_eq!(token.digest(), BearerToken::parse(text).unwrap().digest());
    let (salt, prefix) = (
        Salt::generate().unwrap(),
        TokenPrefix::new("acme_").unwrap(),
    );
    let (access, refresh) = token.successors(&prefix, &salt);
    let (again, same) = token.successors(&prefix, &salt);
    assert_eq!(
        (access.digest(), refresh.digest()),
        (again.digest(), same.digest())
    );
    let read = RefreshToken::parse(refresh.expose()).unwrap();
    assert_eq!(
        (read.family(), read.digest()),
        (token.family(), refresh.digest())
    );
    assert_eq!(
        bytes(text).unwrap()[..16],
        bytes(refresh.expose()).unwrap()[..16]
    );
    assert_ne!(refresh.digest(), token.digest());
    assert!(access.expose().starts_with("acme_") && access.expose().len() == 48);
    assert!(!format!("{token:?}{refresh:?}{access:?}").contains(&text[text.len() - 64..]));
});
