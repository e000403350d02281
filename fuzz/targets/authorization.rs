//! The `Authorization` field of a guarded service (RFC 6750 §2.1): one line, a second field on the
//! next, the request's target on the third.
#![no_main]

use http::{HeaderValue, Request, Uri, header};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password_fuzz::{any_token, echo, lines};

/// `Ok(None)` without bearer credentials, `Err` if they are malformed.
fn expected<'a>(field: &'a [u8], more: &[u8], target: &Uri) -> Result<Option<&'a [u8]>, ()> {
    if !more.is_empty() || field.is_empty() || field[0] == b' ' {
        return Err(());
    }
    let mut words = field.splitn(2, |byte| *byte == b' ');
    if !words.next().unwrap().eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let token = words.next().unwrap_or_default();
    let start = token.iter().position(|byte| *byte != b' ');
    let token = &token[start.unwrap_or(token.len())..];
    let end = token
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |at| at + 1);
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let twice = target
        .query()
        .unwrap_or_default()
        .split('&')
        .any(|pair| pair == "access_token" || pair.starts_with("access_token="));
    let well_formed = end > 0 && token[..end].iter().all(good) && token.len() <= 4096;
    (well_formed && !twice).then_some(Some(token)).ok_or(())
}

fuzz_target!(|data: &[u8]| {
    let [field, more, target] = lines(data);
    let (Ok(first), Ok(second)) = (
        HeaderValue::from_bytes(field),
        HeaderValue::from_bytes(more),
    ) else {
        return;
    };
    let target = Uri::try_from(target).unwrap_or_default();
    let mut request = Request::new(());
    *request.uri_mut() = target.clone();
    request.headers_mut().append(header::AUTHORIZATION, first);
    if !more.is_empty() {
        request.headers_mut().append(header::AUTHORIZATION, second);
    }
    let answer = echo(&any_token(), request);
    let challenge = answer.headers.get(header::WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    match expected(field, more, &target) {
        Ok(Some(token)) => {
            assert_eq!((answer.status.as_u16(), challenge), (200, None));
            assert_eq!(answer.body.split(|byte| *byte == b' ').next(), Some(token));
        }
        Ok(None) => {
            assert_eq!(answer.status, 401);
            assert_eq!(challenge.as_deref(), Some(r#"Bearer realm="api""#));
        }
        Err(()) => {
            assert_eq!(answer.status, 400);
            let told = r#"Bearer realm="api", error="invalid_request""#;
            assert!(challenge.is_some_and(|challenge| challenge.starts_with(told)));
        }
    }
});
