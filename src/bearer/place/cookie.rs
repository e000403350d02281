use http::{HeaderMap, header::COOKIE};

use crate::{
    bearer::Rejection,
    model::{BearerToken, CookieName},
};

/// The value of the one cookie of that name; `None` if there is none, or an empty one, which is
/// what some frameworks leave when they delete it.
///
/// `cookie-string = cookie-pair *( ";" SP cookie-pair )` (RFC 6265 §4.2.1), over any number of fields
/// (RFC 9113 §8.2.3). What other cookies look like is not our business, as other applications of
/// the host set them; quotation marks mean nothing (RFC 6265 §5.4), nor does `$Version`. Readers that
/// see more in it are tricked into a `__Host-` cookie that no browser would have taken.
pub(super) fn find<'a>(
    headers: &'a HeaderMap,
    name: &CookieName,
) -> Result<Option<&'a [u8]>, Rejection> {
    let mut found = None;
    for field in headers.get_all(COOKIE) {
        for pair in field.as_bytes().split(|byte| *byte == b';') {
            let Some(value) = value_of(pair, name.as_str().as_bytes()) else {
                continue;
            };
            // Somebody planted one of the two, and which, nobody can tell.
            if found.replace(value).is_some() {
                return Err(Rejection::Malformed);
            }
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

/// What `pair` says after `name=`, without the blanks around it.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (own, value) = pair.split_at(equals);
    (own.trim_ascii() == name).then(|| value[1..].trim_ascii())
}

/// RFC 6265 §4.1.1 allows quotation marks around a value; `TokenCookie` sets none.
pub(super) fn read(value: &[u8], max_token_bytes: usize) -> Result<BearerToken<'_>, Rejection> {
    if value.len() > max_token_bytes {
        return Err(Rejection::Malformed);
    }
    BearerToken::read(value).ok_or(Rejection::Malformed)
}

/// Keeps cookies out of `Debug` output and of HPACK's index (RFC 9113 §8.2).
pub(super) fn hide(headers: &mut HeaderMap) {
    // Not by `entry`, which makes room for one more even if it needs none.
    for (name, field) in headers.iter_mut() {
        if name == COOKIE {
            field.set_sensitive(true);
        }
    }
}
