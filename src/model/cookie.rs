use std::{fmt, sync::Arc};

/// What makes a browser hold a cookie to one host ([RFC 6265bis §4.1.3.2]).
///
/// [RFC 6265bis §4.1.3.2]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
const HOST_PREFIX: &str = "__Host-";

/// The name of the cookie that holds an access token, such as `__Host-token`.
///
/// A clone costs one reference count.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::CookieName;
///
/// assert!(CookieName::new("__Host-token").is_ok());
/// assert!(CookieName::new("token").is_err());
/// assert!(CookieName::new_insecure("token").is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(Arc<str>);

impl CookieName {
    /// Takes a name that begins with `__Host-`: browsers take such a cookie only from the very host
    /// that it is for, and only over TLS (RFC 6265bis §4.1.3.2). So neither a sister domain nor
    /// somebody in the network can plant one.
    ///
    /// # Errors
    ///
    /// [`CookieNameError`] if it does not begin like that, ends there, or has other characters than
    /// those of a `token` (RFC 6265 §4.1.1, RFC 9110 §5.6.2).
    pub fn new(name: impl AsRef<str>) -> Result<Self, CookieNameError> {
        match name.as_ref().strip_prefix(HOST_PREFIX) {
            Some(rest) if !rest.is_empty() => Self::new_insecure(name),
            _ => Err(CookieNameError),
        }
    }

    /// Takes a name without the prefix as well. Every host below the same domain can then set a
    /// cookie of that name, and so log a browser in as somebody else.
    ///
    /// # Errors
    ///
    /// [`CookieNameError`] if it is empty or no `token` (RFC 6265 §4.1.1, RFC 9110 §5.6.2).
    pub fn new_insecure(name: impl AsRef<str>) -> Result<Self, CookieNameError> {
        let name = name.as_ref();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(CookieNameError);
        }
        Ok(Self(Arc::from(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The text is no [`CookieName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNameError;

impl fmt::Display for CookieNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a cookie's name is __Host- and more of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~",
        )
    }
}

impl std::error::Error for CookieNameError {}
