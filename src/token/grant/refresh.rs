use super::{Grants, asked_scope, check_grant, narrow, within};
use crate::{
    model::{Family, RefreshToken, Standing},
    store::{GrantType, TokenStore},
    throttle::AttemptKind,
    token::{Authenticate, FormRequest, Issued, TokenError, report},
};

/// Refreshing an access token (RFC 6749 §6).
///
/// Everything is validated before the token is spent, so that a request with a mistake in it
/// costs nobody the login.
pub(super) async fn grant<A, T>(
    grants: &Grants<A, T>,
    request: FormRequest,
) -> Result<Issued, TokenError>
where
    A: Authenticate,
    T: TokenStore,
{
    let mut found = None;
    let refreshed = refresh(grants, &request, &mut found);
    let guard = &request.guard;
    let done = guard.attempt(AttemptKind::Token, "", refreshed).await;
    report::refresh(&request, found.as_ref(), &done);
    done
}

/// Leaves the login that the token names in `found`.
async fn refresh<A, T>(
    grants: &Grants<A, T>,
    request: &FormRequest,
    found: &mut Option<Family>,
) -> Result<Issued, TokenError>
where
    A: Authenticate,
    T: TokenStore,
{
    let FormRequest { form, caller, .. } = request;
    let asked = asked_scope(form)?;
    let presented = RefreshToken::parse(form.require("refresh_token")?);
    let issuer = &grants.issuer;
    let family = match &presented {
        Some(presented) => issuer.find_family(presented.family()).await?,
        None => None,
    };
    let (Some(presented), Some(family)) = (presented, family) else {
        return Err(TokenError::InvalidToken);
    };
    let family = &*found.insert(family);
    let client = caller.require_for(family.client()).await?;
    check_grant(client.as_ref(), GrantType::RefreshToken)?;
    let Some(chain) = family.chain() else {
        return Err(TokenError::InvalidToken);
    };
    let standing = chain.judge(presented.digest(), issuer.clock().now());
    match &standing {
        Standing::Current | Standing::InWindow(_) => {}
        Standing::Expired => return Err(TokenError::InvalidToken),
        Standing::Spent => return Err(issuer.revoke_replayed(family).await),
    }
    let scope = narrow(within(family.scope(), client.as_ref()), asked)?;
    if !grants.authenticator.is_active(family.subject()).await? {
        return Err(TokenError::InvalidToken);
    }
    match standing {
        Standing::InWindow(salt) => issuer.issue_again(&presented, &salt).await,
        _ => issuer.refresh(&presented, family, scope).await,
    }
}
