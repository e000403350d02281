use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

/// The address that a client had, where `proxies` proxies of one's own stand in front, each of which
/// **appends** the address that it saw to the field `name`, such as `x-forwarded-for`.
///
/// What stands before those entries, the client may have written itself, so it is not looked at. With
/// fewer entries than proxies the answer is `None`: the request did not come the way that it should.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, HeaderName};
/// use tower_oauth2_password::throttle::forwarded_for;
///
/// let name = HeaderName::from_static("x-forwarded-for");
/// let mut headers = HeaderMap::new();
/// headers.insert(&name, "6.6.6.6, 192.0.2.7".parse()?); // the client wrote 6.6.6.6
/// assert_eq!(forwarded_for(&headers, &name, 1), Some("192.0.2.7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forwarded_for(headers: &HeaderMap, name: &HeaderName, proxies: usize) -> Option<IpAddr> {
    // Bytes, as what the client wrote may be no text, and must not keep a proxy's entry from being
    // read.
    let mut entries: Vec<&[u8]> = Vec::new();
    for field in headers.get_all(name) {
        entries.extend(field.as_bytes().split(|byte| *byte == b','));
    }
    let at = entries.len().checked_sub(proxies.max(1))?;
    let entry = std::str::from_utf8(entries[at].trim_ascii()).ok()?;
    entry.parse().ok()
}
