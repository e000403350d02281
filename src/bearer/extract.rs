use http::{HeaderMap, header::AUTHORIZATION};

use super::Rejection;
use crate::model::BearerToken;

/// The bearer token of the one `Authorization` field of a request.
///
/// `credentials = "Bearer" 1*SP b64token` (RFC 6750 §2.1), the scheme in any case (RFC 9110
/// §11.1). Another scheme is no bearer credential at all, so it is [`Rejection::Missing`].
///
/// Keeps the credentials, whatever they are, out of `Debug` output and of HPACK's index (RFC 9113
/// §8.2).
pub(super) fn extract(
    headers: &mut HeaderMap,
    is_also_in_query: bool,
    max_token_bytes: usize,
) -> Result<BearerToken<'_>, Rejection> {
    let token = authorization(headers)?.ok_or(Rejection::Missing)?;
    // RFC 6750 §2 and §3.1: not more than one method in a request.
    if token.len() > max_token_bytes || is_also_in_query {
        return Err(Rejection::Malformed);
    }
    BearerToken::read(token).ok_or(Rejection::Malformed)
}

/// What follows the scheme `Bearer`; `None` without a field or with another scheme.
fn authorization(headers: &mut HeaderMap) -> Result<Option<&[u8]>, Rejection> {
    // Most requests have no field twice, and then it need not be asked which.
    let is_singleton = headers.len() == headers.keys_len();
    if !is_singleton && headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        // RFC 9110 §5.3, §11.6.2: the field is a singleton, and which of two is meant is a guess.
        hide_all(headers);
        return Err(Rejection::Malformed);
    }
    let Some(field) = headers.get_mut(AUTHORIZATION) else {
        return Ok(None);
    };
    field.set_sensitive(true);
    after_scheme(field.as_bytes())
}

fn hide_all(headers: &mut HeaderMap) {
    for (name, field) in headers.iter_mut() {
        if name == AUTHORIZATION {
            field.set_sensitive(true);
        }
    }
}

fn after_scheme(field: &[u8]) -> Result<Option<&[u8]>, Rejection> {
    let end = field
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(field.len());
    let (scheme, rest) = field.split_at(end);
    if scheme.is_empty() {
        return Err(Rejection::Malformed);
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Ok(None);
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    Ok(Some(&rest[spaces..]))
}

#[cfg(not(loom))]
#[cfg(test)]
mod hidden {
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    use super::extract;

    /// RFC 9113 §8.2, whatever the scheme, and though two are refused.
    #[test]
    fn credentials_are_sensitive_even_if_there_are_two() {
        for count in 1..=2 {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                headers.append(AUTHORIZATION, HeaderValue::from_static("Basic bTpz"));
            }
            assert!(extract(&mut headers, false, 100).is_err());
            let fields = headers.get_all(AUTHORIZATION).iter();
            assert!(fields.map(HeaderValue::is_sensitive).eq(vec![true; count]));
        }
    }
}
