use std::fmt;

use ecow::EcoString;

/// The most bytes of a [`Subject`], the limit that `OpenID` Connect sets for `sub`.
const MAX_BYTES: usize = 255;

/// Who a token speaks for: the account's lasting identifier.
///
/// Take one that is never given to somebody else, such as a primary key, not an e-mail address
/// (OWASP ASVS 10.3.3). A clone allocates nothing; up to 15 bytes need no room on the heap either.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(EcoString);

impl Subject {
    /// Takes `id` as the identifier of an account.
    ///
    /// # Errors
    ///
    /// [`SubjectError`] if `id` is empty, longer than 255 **bytes**, or holds a control character.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::model::Subject;
    /// assert_eq!(Subject::new("42")?.as_str(), "42");
    /// # Ok::<(), tower_oauth2_password::model::SubjectError>(())
    /// ```
    pub fn new(id: impl AsRef<str>) -> Result<Self, SubjectError> {
        let id = id.as_ref();
        if id.is_empty() || id.len() > MAX_BYTES || id.contains(char::is_control) {
            return Err(SubjectError);
        }
        Ok(Self(EcoString::from(id)))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?})", self.as_str())
    }
}

/// The text is no [`Subject`]: empty, longer than 255 bytes, or with a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectError;

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a subject is 1 to {MAX_BYTES} bytes without control characters"
        )
    }
}

impl std::error::Error for SubjectError {}
