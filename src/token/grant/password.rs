use super::{Grants, asked_scope, check_grant, narrow, within};
use crate::{
    model::Password,
    store::{GrantType, TokenStore},
    throttle::AttemptKind,
    token::{Authenticate, Credentials, FormRequest, Issued, TokenError},
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
        head,
        form,
        caller,
        guard,
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
    };
    let authenticated = grants.authenticator.authenticate(credentials);
    let mut identity = guard
        .attempt(AttemptKind::Password, username, authenticated)
        .await?;
    let scope = narrow(within(identity.scope(), client), asked)?;
    identity = identity
        .with_scope(scope)
        .rechecked_by(&grants.authenticator);
    let label = grants.label.as_ref().and_then(|label| label(head));
    if let Some(label) = label.filter(|_| identity.label().is_none()) {
        identity = identity.with_label(label);
    }
    grants.issuer.issue_to(identity, client).await
}
