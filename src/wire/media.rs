use http::{HeaderMap, header::CONTENT_TYPE};

/// Whether the one `Content-Type` is `essence`, in any case and with any parameters
/// (RFC 9110 §8.3.1).
pub(crate) fn essence_is(headers: &HeaderMap, essence: &str) -> bool {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return false;
    };
    let Ok(text) = field.to_str() else {
        return false;
    };
    let own = text.split_once(';').map_or(text, |(own, _parameters)| own);
    own.trim().eq_ignore_ascii_case(essence)
}
