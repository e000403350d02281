//! From a form to tokens.

mod password;
mod refresh;

use std::sync::Arc;

use http::request::Parts;

use super::{Authenticate, FormRequest, Issued, Issuer, RequestFault, TokenError, form::Form};
use crate::{
    model::Scope,
    store::{Client, GrantType, TokenStore},
};

/// Names a login; see [`TokenService::with_label`](super::TokenService::with_label).
pub(crate) type Label = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// Answers token requests: the grants that are offered, and what they need.
pub struct Grants<A, T> {
    pub(super) authenticator: Arc<A>,
    pub(super) issuer: Issuer<T>,
    pub(super) label: Option<Arc<Label>>,
}

impl<A, T> Clone for Grants<A, T> {
    fn clone(&self) -> Self {
        Self {
            authenticator: Arc::clone(&self.authenticator),
            issuer: self.issuer.clone(),
            label: self.label.clone(),
        }
    }
}

impl<A, T> Grants<A, T>
where
    A: Authenticate,
    T: TokenStore,
{
    pub(super) async fn grant(&self, request: FormRequest) -> Result<Issued, TokenError> {
        match request.form.require("grant_type")?.as_str() {
            "password" => password::grant(self, request).await,
            "refresh_token" if self.issuer.refreshes() => refresh::grant(self, request).await,
            _ => {
                request.caller.require()?;
                Err(TokenError::UnsupportedGrantType)
            }
        }
    }
}

/// Where clients are known, each has its grants (RFC 6749 §5.2).
fn check_grant(client: Option<&Client>, grant: GrantType) -> Result<(), TokenError> {
    match client {
        Some(client) if !client.may_use(grant) => Err(TokenError::UnauthorizedClient),
        _ => Ok(()),
    }
}

fn asked_scope(form: &Form) -> Result<Option<Scope>, TokenError> {
    let scope = form.get("scope").map(|scope| scope.parse()).transpose();
    scope.map_err(|_| TokenError::InvalidScope)
}

/// What a client's tokens may allow of `granted`.
fn within(granted: &Scope, client: Option<&Client>) -> Scope {
    let limit = client.and_then(Client::scope);
    limit.map_or_else(|| granted.clone(), |limit| granted.common(limit))
}

/// A request may narrow what it may have, never widen it (RFC 6749 §3.3, §6). Without a `scope`
/// it gets all of it. Asking for too much is an error and not a smaller token: clients take a
/// scope that they did not ask for as a fault.
fn narrow(allowed: Scope, asked: Option<Scope>) -> Result<Scope, TokenError> {
    match asked {
        None => Ok(allowed),
        Some(asked) if allowed.covers(&asked) => Ok(asked),
        Some(_) => Err(TokenError::InvalidScope),
    }
}

impl From<RequestFault> for TokenError {
    fn from(fault: RequestFault) -> Self {
        Self::InvalidRequest(fault)
    }
}
