use std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

use http::{Uri, uri::Authority};

/// The most bytes of a [`PublicUrl`]: it stands in a header field, and is a URI with a well-known
/// path in it too.
const MAX_BYTES: usize = 2_000;

/// Where clients reach a service: an `https` URL without query and fragment, such as
/// `https://api.example.com` or `https://example.com/orders`, of up to 2,000 **bytes**.
///
/// It is the issuer identifier of RFC 8414 §2 and the resource identifier of RFC 9728 §1.2. It is
/// set by the operator and never taken from a request: who sends the request chooses its `Host`.
///
/// `http` is taken for `localhost`, `127.0.0.1` and `[::1]` only, for a machine of one's own.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::PublicUrl;
///
/// let url: PublicUrl = "https://example.com/orders".parse()?;
/// assert_eq!(url.as_str(), "https://example.com/orders");
/// assert!("http://example.com".parse::<PublicUrl>().is_err());
/// assert!("http://localhost:8000".parse::<PublicUrl>().is_ok());
/// # Ok::<(), tower_oauth2_password::model::PublicUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicUrl {
    text: Arc<str>,
    /// Where the path begins in `text`.
    path: usize,
}

impl PublicUrl {
    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, without a slash at its end: empty for a URL of a host.
    pub(crate) fn path(&self) -> &str {
        self.text[self.path..].trim_end_matches('/')
    }

    /// `path` below this URL.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }

    /// The public URL of `path`, which is absolute, on the same host.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        Self {
            text: Arc::from(self.join(path)),
            path: self.path,
        }
    }

    /// `path` of the same host.
    pub(crate) fn join(&self, path: &str) -> String {
        let (origin, _) = self.text.split_at(self.path);
        format!("{origin}{path}")
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let printable = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        let authority = uri.authority().ok_or(PublicUrlError)?;
        let loopback = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => loopback,
            _ => false,
        };
        let plain = printable && !text.contains(['?', '#', '"', '\\', '@']);
        if text.len() > MAX_BYTES || !secure || !plain || !has_host_and_port(authority) {
            return Err(PublicUrlError);
        }
        let start = text.find("://").ok_or(PublicUrlError)? + 3;
        let path = text[start..].find('/').map_or(text.len(), |at| start + at);
        Ok(Self {
            text: Arc::from(text),
            path,
        })
    }
}

/// Whether the parts are what they stand for, which the parser of `http` leaves open: it takes
/// `[]:port`.
fn has_host_and_port(authority: &Authority) -> bool {
    let host = authority.host();
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty(),
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_host
        && match authority.as_str().strip_prefix(host) {
            Some("") => true,
            Some(behind) => behind.strip_prefix(':').is_some_and(is_port),
            None => false,
        }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicUrl({:?})", &*self.text)
    }
}

/// The text is no [`PublicUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicUrlError;

impl fmt::Display for PublicUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a public URL begins with https:// and a host, has no user, query or fragment, and up \
             to 2,000 bytes; http:// is for localhost, 127.0.0.1 and [::1] only",
        )
    }
}

impl std::error::Error for PublicUrlError {}
