//! The body of the token endpoint (RFC 6749 §4.3.2, Appendix B), beside the readers of the field:
//! `percent_encoding` says what each part means, and `form_urlencoded` has to agree wherever the
//! body is accepted.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;
use tower_oauth2_password::{
    MemoryTokens, TokenService,
    token::{Issuer, TokenError},
};
use tower_oauth2_password_fuzz::{Witness, form, send};

/// What a part means; `None` if it is not well-formed.
fn part(encoded: &[u8]) -> Option<String> {
    for (at, _) in encoded
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
    {
        let digits = encoded.get(at + 1..at + 3)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    }
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let text = percent_decode(&spaced).decode_utf8().ok()?.into_owned();
    let control =
        |c: char| (c < ' ' && c != '\t') || matches!(c, '\u{7f}' | '\u{fffe}' | '\u{ffff}');
    (!text.contains(control)).then_some(text)
}

fn pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?, parts.next().unwrap_or_default());
        let (name, value) = (part(name)?, part(value)?);
        if pairs.iter().any(|(earlier, _)| *earlier == name) {
            return None;
        }
        pairs.push((name, value));
    }
    (pairs.len() <= 64).then_some(pairs)
}

/// The code of the answer, and the credentials that are asked about.
fn expected(pairs: Option<&[(String, String)]>) -> (&'static str, Option<(String, String)>) {
    let Some(pairs) = pairs else {
        return ("invalid_request", None);
    };
    let get = |name: &str| {
        let found = pairs.iter().find(|(own, _)| own == name)?;
        (!found.1.is_empty()).then(|| found.1.clone())
    };
    match get("grant_type").as_deref() {
        None => return ("invalid_request", None),
        Some("password") => {}
        Some(_) => return ("unsupported_grant_type", None),
    }
    let (Some(username), Some(password)) = (get("username"), get("password")) else {
        return ("invalid_request", None);
    };
    let scope_byte = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(scope_byte);
    if get("scope").is_some_and(|scope| !scope.split(' ').all(is_token)) {
        return ("invalid_scope", None);
    }
    ("invalid_grant", Some((username, password)))
}

fuzz_target!(|data: &[u8]| {
    let witness = Arc::new(Witness::new(TokenError::InvalidGrant));
    let issuer = Issuer::new(Arc::new(MemoryTokens::new()));
    let service = TokenService::new(Arc::clone(&witness), issuer);
    let answer = send(service, form(data));
    assert_eq!(answer.headers["cache-control"], "no-store");
    if data.len() > 16 * 1024 {
        assert_eq!(answer.status, 413);
        return;
    }
    let read = pairs(data);
    let (code, credentials) = expected(read.as_deref());
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &code.into())
    );
    let seen = witness.seen.lock().unwrap().take();
    assert_eq!(seen, credentials);
    if seen.is_some() {
        let lenient: Vec<_> = form_urlencoded::parse(data).into_owned().collect();
        assert_eq!(Some(lenient), read);
    }
});
