use super::{Grants, asked_scope, check_grant, narrow, within};
use crate::{
    model::{Password, Scope},
    store::{GrantType, TokenStore},
    throttle::AttemptKind,
    token::{Authenticate, Credentials, FormRequest, Issued, TokenError, issue::Login, report},
};

/// Resource owner password credentials (RFC 6749 §4.3).
pub(super) async fn grant<A, T>(
    grants: &Grants<A, T>,
    request: FormRequest,
) -> Result<Issued, TokenError>
where
    A: Authenticate,
    T: TokenStore,
{
    let FormRequest {
        form,
        caller,
        guard,
        ..
    } = &request;
    let client = caller.require()?;
    check_grant(client, GrantType::Password)?;
    let username = form.require("username")?;
    let password = Password::from(form.require("password")?.clone());
    let asked = asked_scope(form)?;
    let credentials = Credentials {
        form,
        username,
        password: &password,
        scene: guard.scene(),
    };
    let done = log_in(grants, &request, credentials, asked).await;
    report::login(guard, username, &done);
    Ok(done?.issued)
}

async fn log_in<A, T>(
    grants: &Grants<A, T>,
    request: &FormRequest,
    credentials: Credentials<'_>,
    asked: Option<Scope>,
) -> Result<Login, TokenError>
where
    A: Authenticate,
    T: TokenStore,
{
    let client = request.caller.client();
    let username = credentials.username;
    let authenticated = grants.authenticator.authenticate(credentials);
    let mut identity = request
        .guard
        .attempt(AttemptKind::Password, username, authenticated)
        .await?;
    let scope = narrow(within(identity.scope(), client), asked)?;
    identity = identity
        .with_scope(scope)
        .rechecked_by(&grants.authenticator);
    let label = grants.label.as_ref();
    let label = label.and_then(|label| label(&request.head));
    if let Some(label) = label.filter(|_| identity.label().is_none()) {
        identity = identity.with_label(label);
    }
    grants.issuer.log_in(&identity, client).await
}
