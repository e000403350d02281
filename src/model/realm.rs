use std::{fmt, sync::Arc};

/// The name of what is protected, shown to a client in the challenge: `realm="api"`.
///
/// The default is `api`. A clone costs one reference count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(Arc<str>);

impl Realm {
    /// Takes `realm` as the name.
    ///
    /// # Errors
    ///
    /// [`RealmError`] if it is empty or holds anything but printable ASCII without quotation mark
    /// and backslash, which a quoted string would have to escape (RFC 9110 §5.6.4).
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::model::Realm;
    /// assert!(Realm::new("Orders API").is_ok());
    /// assert!(Realm::new("a\"b").is_err());
    /// ```
    pub fn new(realm: impl AsRef<str>) -> Result<Self, RealmError> {
        let realm = realm.as_ref();
        let printable = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if realm.is_empty() || !realm.bytes().all(printable) {
            return Err(RealmError);
        }
        Ok(Self(Arc::from(realm)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Realm {
    fn default() -> Self {
        Self(Arc::from("api"))
    }
}

/// The text is no [`Realm`]: empty, or not printable ASCII without quotation mark and backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealmError;

impl fmt::Display for RealmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm is printable ASCII without quotation mark and backslash")
    }
}

impl std::error::Error for RealmError {}
