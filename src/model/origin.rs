use std::{fmt, str::FromStr, sync::Arc};

use super::PublicUrl;

/// The origin of a web page ([RFC 6454 §6.2]), to the letter as browsers send it:
/// `https://app.example.com` or `https://app.example.com:8443`.
///
/// `http` is taken for `localhost`, `127.0.0.1` and `[::1]` only, as in a
/// [`PublicUrl`](super::PublicUrl).
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::Origin;
///
/// assert!("https://app.example.com".parse::<Origin>().is_ok());
/// assert!("http://localhost:5173".parse::<Origin>().is_ok());
/// // No browser would ever send these.
/// assert!("https://app.example.com/".parse::<Origin>().is_err());
/// assert!("https://app.example.com:443".parse::<Origin>().is_err());
/// assert!("https://App.example.com".parse::<Origin>().is_err());
/// ```
///
/// [RFC 6454 §6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// The origin as browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its pages come from `host`, as `Host` names it: in any case of letters, and with the
    /// scheme's port or without.
    pub(crate) fn is_of(&self, host: &str) -> bool {
        let (scheme, authority) = halves(&self.0);
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port == port_of(scheme) => name,
            _ => host,
        };
        authority.eq_ignore_ascii_case(host)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url: PublicUrl = text.parse().map_err(|_| OriginError)?;
        let origin = Self(Arc::from(text));
        let bare = url.join("") == text;
        let lower = text.starts_with("https://") || text.starts_with("http://");
        // Nor a `*`, which somebody might take for more than itself.
        let plain = halves(text).1.bytes().all(is_host_byte);
        if !bare || !lower || !plain || !has_a_port_of_its_own(text) {
            return Err(OriginError);
        }
        Ok(origin)
    }
}

/// The scheme, and host and port.
fn halves(origin: &str) -> (&str, &str) {
    origin.split_once("://").unwrap_or_default()
}

/// The port that goes without saying (RFC 9110 §4.2).
fn port_of(scheme: &str) -> &'static str {
    if scheme == "https" { "443" } else { "80" }
}

fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'[' | b']')
}

/// Whether the port, if there is one, is not the scheme's, which browsers leave out.
fn has_a_port_of_its_own(text: &str) -> bool {
    let (scheme, authority) = halves(text);
    let host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some((_, port)) = authority[host..].split_once(':') else {
        return true;
    };
    let canonical = |number: u16| number.to_string() == port;
    port.parse().is_ok_and(canonical) && port != port_of(scheme)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// The text is no [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginError;

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an origin is https:// and a host in lower case, with its port if that is not 443, and \
             nothing behind; http:// is for localhost, 127.0.0.1 and [::1] only",
        )
    }
}

impl std::error::Error for OriginError {}
