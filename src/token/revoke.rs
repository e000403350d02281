use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Response;

use super::{Endpoint, FormRequest, TokenError, client::Caller, endpoint::sealed};
use crate::{
    model::{BearerToken, ClientId, Family, RefreshToken, Session},
    observe::{Event, RevocationReason, asked},
    store::TokenStore,
    throttle::AttemptKind,
};

/// The revocation endpoint as a service ([RFC 7009]): a client ends a login, or one token of it.
///
/// A refresh token takes all tokens of its login with it, an access token only itself; if the
/// login cannot be refreshed, that is the same. A token that is unknown, expired or revoked
/// already gets 200 as well. `token_type_hint` is not needed and not looked at.
///
/// # Example
///
/// ```
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
/// let request = Request::post("/revoke")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body(String::from("token=unknown"))?;
/// let response = flow.revocation_service().oneshot(request).await?;
/// assert_eq!(response.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
///
/// [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009
pub type RevocationService<T> = Endpoint<Revocation<T>>;

/// Answers revocation requests.
pub struct Revocation<T> {
    tokens: Arc<T>,
}

impl<T: TokenStore> Endpoint<Revocation<T>> {
    /// Revokes tokens of `tokens`.
    pub fn new(tokens: Arc<T>) -> Self {
        Self::with_handler(Revocation { tokens })
    }
}

impl<T: TokenStore> sealed::Handle for Revocation<T> {
    const SPAN: &'static str = "oauth2.revoke";

    async fn handle(&self, request: FormRequest) -> Result<Response<Bytes>, TokenError> {
        let revoked = self.revoke(&request);
        // RFC 7009 §2.2: an unknown token is no error. It is a guess all the same.
        let guess = |known: &bool| !known;
        let (guard, kind) = (&request.guard, AttemptKind::Token);
        guard.attempt_judged(kind, "", revoked, guess).await?;
        Ok(Response::new(Bytes::new()))
    }
}

/// A token of no client, from before clients were known, is whoever's has it.
async fn check_owner(caller: &Caller, owner: Option<&ClientId>) -> Result<(), TokenError> {
    match owner {
        Some(_) => caller.require_for(owner).await.map(drop),
        None => Ok(()),
    }
}

impl<T: TokenStore> Revocation<T> {
    /// Says whether the token was known.
    async fn revoke(&self, request: &FormRequest) -> Result<bool, TokenError> {
        let token = request.form.require("token")?;
        if let Some(token) = BearerToken::parse(token) {
            let session = self.tokens.find_access(token.digest());
            if let Some(session) = asked::<T, _, _>("find_access", session).await? {
                check_owner(&request.caller, session.client()).await?;
                self.revoke_access(request, token, &session).await?;
                return Ok(true);
            }
        }
        if let Some(token) = RefreshToken::parse(token) {
            // Whoever has a refresh token of a login may end it, be that token spent or not.
            let family = self.tokens.find_family(token.family());
            if let Some(family) = asked::<T, _, _>("find_family", family).await? {
                check_owner(&request.caller, family.client()).await?;
                self.revoke_family(request, &family).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn revoke_access(
        &self,
        request: &FormRequest,
        token: BearerToken<'_>,
        session: &Session,
    ) -> Result<(), TokenError> {
        // One step, so that a failure half-way leaves nothing that a second try would not find.
        let family = match session.family() {
            Some(id) => asked::<T, _, _>("find_family", self.tokens.find_family(id)).await?,
            None => None,
        };
        match family {
            Some(family) if family.chain().is_none() => self.revoke_family(request, &family).await,
            _ => {
                let revoked = self.tokens.revoke_access(token.digest());
                if asked::<T, _, _>("revoke_access", revoked).await? {
                    request.guard.report(Event::Revoked {
                        subject: Some(session.subject().clone()),
                        family: session.family(),
                        logins: 0,
                        reason: RevocationReason::Client,
                    });
                }
                Ok(())
            }
        }
    }

    async fn revoke_family(
        &self,
        request: &FormRequest,
        family: &Family,
    ) -> Result<(), TokenError> {
        let revoked = self.tokens.revoke_family(family.id());
        if asked::<T, _, _>("revoke_family", revoked).await? {
            request.guard.report(Event::Revoked {
                subject: Some(family.subject().clone()),
                family: Some(family.id()),
                logins: 1,
                reason: RevocationReason::Client,
            });
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Revocation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation").finish_non_exhaustive()
    }
}
