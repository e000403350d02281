use http::{HeaderMap, HeaderName, Uri, uri::PathAndQuery};
use zeroize::Zeroizing;

use crate::{
    bearer::Rejection,
    model::{AccessToken, BearerToken},
};

const PARAMETER: &str = "access_token";
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether the query has a token (RFC 6750 §2.3), well-formed or not.
pub(in crate::bearer) fn names_token(query: &str) -> bool {
    query.split('&').any(is_token)
}

fn is_token(pair: &str) -> bool {
    pair.split('=').next() == Some(PARAMETER)
}

/// Whether a browser goes to the target, by a link or a form, instead of a script's asking it. Who
/// made the link chose the token, which need not be the user's: another site would log its visitors
/// in as somebody else.
pub(super) fn is_followed(headers: &HeaderMap) -> bool {
    let mut modes = headers.get_all(SEC_FETCH_MODE).iter();
    modes.any(|mode| mode == "navigate")
}

/// The one token of the query.
pub(super) fn read(query: &str, max_token_bytes: usize) -> Result<AccessToken, Rejection> {
    let mut pairs = query.split('&').filter(|pair| is_token(pair));
    let (Some(pair), None) = (pairs.next(), pairs.next()) else {
        return Err(Rejection::Malformed);
    };
    let encoded = pair.split_once('=').map_or("", |(_, value)| value);
    let token = decode(encoded, max_token_bytes).ok_or(Rejection::Malformed)?;
    let token = BearerToken::parse(&token).ok_or(Rejection::Malformed)?;
    Ok(token.to_access_token())
}

/// Undoes percent-encoding (RFC 3986 §2.1). A `+` is itself: the blank that it is in a form is in
/// no token.
fn decode(encoded: &str, most: usize) -> Option<Zeroizing<String>> {
    // Sized in advance: growing would leave a copy behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(encoded.len().min(most)));
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => (hex(*high)? << 4 | hex(*low)?, tail),
            (plain, tail) => (*plain, tail),
        };
        // A lone `%` and what is not ASCII get no further than this or the check for a token.
        if !byte.is_ascii() || text.len() >= most {
            return None;
        }
        text.push(char::from(byte));
        rest = tail;
    }
    Some(text)
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Takes the token out of a target, so that nobody further in logs it.
pub(in crate::bearer) fn take_out(target: &mut Uri) {
    if target.query().is_some_and(names_token) {
        *target = without_token(target);
    }
}

fn without_token(uri: &Uri) -> Uri {
    let pairs = uri.query().unwrap_or_default().split('&');
    let rest: Vec<_> = pairs.filter(|pair| !is_token(pair)).collect();
    let target = match rest.join("&") {
        query if query.is_empty() => uri.path().to_owned(),
        query => format!("{}?{query}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    // A part of a target is one, so this does not fail. If it did, no token would be left.
    Uri::from_parts(parts).unwrap_or_default()
}
