use super::{
    Authenticate, Credentials, Identity, TokenError,
    parse::{Grant, PasswordGrant},
};
use crate::model::{Password, Scope};

/// Finds out who asks, and what their token will allow.
pub(super) async fn grant<A: Authenticate>(
    authenticator: &A,
    grant: Grant,
) -> Result<Identity, TokenError> {
    match grant {
        Grant::Password(request) => password(authenticator, request).await,
    }
}

async fn password<A: Authenticate>(
    authenticator: &A,
    request: PasswordGrant,
) -> Result<Identity, TokenError> {
    let form = &request.form;
    let password = Password::from(form.require("password")?.clone());
    let username = form.require("username")?;
    let credentials = Credentials {
        form,
        username,
        password: &password,
    };
    let identity = authenticator.authenticate(credentials).await?;
    let scope = narrow(identity.scope(), request.scope)?;
    Ok(identity.with_scope(scope))
}

/// A request may narrow what the account may have, never widen it (RFC 6749 §3.3). Without a
/// `scope` it gets all of it. Asking for too much is an error and not a smaller token: clients
/// take a scope that they did not ask for as a fault.
fn narrow(allowed: &Scope, asked: Option<Scope>) -> Result<Scope, TokenError> {
    match asked {
        None => Ok(allowed.clone()),
        Some(asked) if allowed.covers(&asked) => Ok(asked),
        Some(_) => Err(TokenError::InvalidScope),
    }
}
