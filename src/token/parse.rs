use super::{RequestFault, TokenError, form::Form};
use crate::model::Scope;

/// What a body asks for.
pub(super) enum Grant {
    /// Resource owner password credentials (RFC 6749 §4.3.2).
    Password(PasswordGrant),
}

pub(super) struct PasswordGrant {
    /// Holds `username` and `password`, checked to be there, and whatever else was sent.
    pub(super) form: Form,
    pub(super) scope: Option<Scope>,
}

pub(super) fn parse(body: &[u8]) -> Result<Grant, TokenError> {
    let form = Form::parse(body)?;
    match form.require("grant_type")?.as_str() {
        "password" => parse_password(form),
        _ => Err(TokenError::UnsupportedGrantType),
    }
}

fn parse_password(form: Form) -> Result<Grant, TokenError> {
    form.require("username")?;
    form.require("password")?;
    let scope = form.get("scope").map(|scope| scope.parse()).transpose();
    let scope = scope.map_err(|_| TokenError::InvalidScope)?;
    Ok(Grant::Password(PasswordGrant { form, scope }))
}

impl From<RequestFault> for TokenError {
    fn from(fault: RequestFault) -> Self {
        Self::InvalidRequest(fault)
    }
}
