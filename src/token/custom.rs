use std::{error::Error, fmt};

use http::StatusCode;

/// An error response of the application's own (RFC 6749 §5.2, §8.5), with members of its own.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::token::OAuthError;
///
/// let error = OAuthError::new("mfa_required")?
///     .with_description("a second factor is needed")?
///     .with_member("mfa_token", "f3c1...")?;
/// # let _ = error;
/// # Ok::<(), tower_oauth2_password::token::BadOAuthError>(())
/// ```
#[derive(Clone)]
pub struct OAuthError {
    status: StatusCode,
    code: String,
    description: Option<String>,
    members: Vec<(String, String)>,
}

impl OAuthError {
    /// An error with `code` as its `error` member, and status 400.
    ///
    /// # Errors
    ///
    /// [`BadOAuthError`] if `code` is empty or holds anything but printable ASCII without
    /// quotation mark and backslash.
    pub fn new(code: impl Into<String>) -> Result<Self, BadOAuthError> {
        let code = checked(code)?;
        Ok(Self {
            status: StatusCode::BAD_REQUEST,
            code,
            description: None,
            members: Vec::new(),
        })
    }

    /// Sets the status. The default is 400; clients read the JSON at that status only.
    ///
    /// # Errors
    ///
    /// [`BadOAuthError`] for a status that is no error, and for those that need a header field
    /// which this endpoint has not (RFC 9110 §15.5): 401, 405, 407 and 426.
    pub fn with_status(mut self, status: StatusCode) -> Result<Self, BadOAuthError> {
        let is_error = status.is_client_error() || status.is_server_error();
        if !is_error || matches!(status.as_u16(), 401 | 405 | 407 | 426) {
            return Err(BadOAuthError(()));
        }
        self.status = status;
        Ok(self)
    }

    /// Sets `error_description`. The default is none.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), for the description.
    pub fn with_description(
        mut self,
        description: impl Into<String>,
    ) -> Result<Self, BadOAuthError> {
        self.description = Some(checked(description)?);
        Ok(self)
    }

    /// Adds a member to the JSON object. Its value may be any text.
    ///
    /// # Errors
    ///
    /// [`BadOAuthError`] if a member of that name is there already.
    pub fn with_member(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, BadOAuthError> {
        let name = name.into();
        let own = self.members.iter().any(|(other, _)| *other == name);
        if own || name == "error" || name == "error_description" {
            return Err(BadOAuthError(()));
        }
        self.members.push((name, value.into()));
        Ok(self)
    }
}

impl OAuthError {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn told(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E` (RFC 6749 §5.2).
fn checked(text: impl Into<String>) -> Result<String, BadOAuthError> {
    let text = text.into();
    let allowed = |byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(BadOAuthError(()));
    }
    Ok(text)
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description.as_deref().unwrap_or(&self.code))
    }
}

/// Names the members and leaves out their values, which may be secrets.
impl fmt::Debug for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<_> = self.members.iter().map(|(name, _value)| name).collect();
        f.debug_struct("OAuthError")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("description", &self.description)
            .field("members", &members)
            .finish()
    }
}

impl Error for OAuthError {}

/// The [`OAuthError`] would break RFC 6749 §5.2 or RFC 9110.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOAuthError(());

impl fmt::Display for BadOAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an OAuth error has a code and a description of printable ASCII without quotation \
             mark and backslash, a status from 400 that needs no header field, and each member once",
        )
    }
}

impl Error for BadOAuthError {}
