use http::{HeaderMap, HeaderValue, Uri, header::AUTHORIZATION};

use super::{Rejection, place::names_token};
use crate::model::BearerToken;

/// The bearer token of the one `Authorization` field of a request.
///
/// `credentials = "Bearer" 1*SP b64token` (RFC 6750 §2.1), the scheme in any case (RFC 9110
/// §11.1). Another scheme is no bearer credential at all, so it is [`Rejection::Missing`].
pub(super) fn extract<'a>(
    headers: &'a HeaderMap,
    uri: &Uri,
    max_token_bytes: usize,
) -> Result<BearerToken<'a>, Rejection> {
    let token = authorization(headers)?.ok_or(Rejection::Missing)?;
    if token.len() > max_token_bytes {
        return Err(Rejection::Malformed);
    }
    // RFC 6750 §2 and §3.1: not more than one method in a request.
    if uri.query().is_some_and(names_token) {
        return Err(Rejection::Malformed);
    }
    let token = std::str::from_utf8(token).map_err(|_| Rejection::Malformed)?;
    BearerToken::parse(token).ok_or(Rejection::Malformed)
}

/// What follows the scheme `Bearer`; `None` without a field or with another scheme.
fn authorization(headers: &HeaderMap) -> Result<Option<&[u8]>, Rejection> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    // RFC 9110 §5.3, §11.6.2: the field is a singleton, and which of two is meant is a guess.
    if fields.next().is_some() {
        return Err(Rejection::Malformed);
    }
    after_scheme(field)
}

fn after_scheme(field: &HeaderValue) -> Result<Option<&[u8]>, Rejection> {
    let field = field.as_bytes();
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

/// Keeps the credentials out of `Debug` output and of HPACK's index (RFC 9113 §8.2). A second
/// field, which is refused anyway, stays as it is.
pub(super) fn hide_credentials(headers: &mut HeaderMap) {
    if let Some(field) = headers.get_mut(AUTHORIZATION) {
        field.set_sensitive(true);
    }
}
