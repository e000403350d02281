use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Response;

use super::{Authenticate, Endpoint, FormRequest, TokenError, endpoint::sealed};
use crate::{
    model::{
        BearerToken, ClientId, Clock, Family, RefreshToken, Scope, Session, Standing, Subject,
        Timestamp,
    },
    observe::asked,
    store::{Client, TokenStore},
    wire::JsonObject,
};

/// The introspection endpoint as a service ([RFC 7662]): a resource server asks what a token is
/// good for.
///
/// Only a confidential client with
/// [`Client::with_introspection`] gets an answer, so it needs
/// [`with_clients`](Endpoint::with_clients); without, nobody does. An unknown, expired or revoked token, and one whose user is gone,
/// is `{"active":false}` and nothing else. So is a refresh token, unless the client asks that it was
/// issued to: it is of no use at a resource server, and must not pass for an access token there.
/// `token_type_hint` is not needed and not looked at.
///
/// [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
pub type IntrospectionService<A, T> = Endpoint<Introspection<A, T>>;

/// Answers introspection requests.
pub struct Introspection<A, T> {
    authenticator: Arc<A>,
    tokens: Arc<T>,
    clock: Clock,
}

impl<A, T> Endpoint<Introspection<A, T>>
where
    A: Authenticate,
    T: TokenStore,
{
    /// Looks tokens up in `tokens` and asks `authenticator` about their users, by `clock`.
    pub fn new(authenticator: A, tokens: Arc<T>, clock: Clock) -> Self {
        let authenticator = Arc::new(authenticator);
        Self::with_handler(Introspection {
            authenticator,
            tokens,
            clock,
        })
    }
}

impl<A, T> sealed::Handle for Introspection<A, T>
where
    A: Authenticate,
    T: TokenStore,
{
    /// RFC 7662 §2.3: 401 for wrong credentials. It is servers that ask, so no browser pops up.
    const ALWAYS_CHALLENGES: bool = true;

    const SPAN: &'static str = "oauth2.introspect";

    async fn handle(&self, request: FormRequest) -> Result<Response<Bytes>, TokenError> {
        // RFC 7662 §2.1, §2.3: the caller has to be authorized; 401 if it is not.
        let client = request.caller.client();
        if !client.is_some_and(Client::may_introspect) {
            return Err(match client {
                Some(client) if !client.is_public() => TokenError::UnauthorizedClient,
                _ => TokenError::InvalidClient { challenge: true },
            });
        }
        let token = request.form.require("token")?;
        let found = match self.find_access(token).await? {
            Some(found) => Some(found),
            None => self.find_refresh(token, client).await?,
        };
        let active = match found {
            Some(found) if self.authenticator.is_active(&found.subject).await? => Some(found),
            _ => None,
        };
        Ok(Response::new(describe(active)))
    }
}

/// What is said about an active token.
struct Active {
    subject: Subject,
    client: Option<ClientId>,
    scope: Scope,
    token_type: Option<&'static str>,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl<A, T: TokenStore> Introspection<A, T> {
    async fn find_access(&self, token: &str) -> Result<Option<Active>, TokenError> {
        let Some(token) = BearerToken::parse(token) else {
            return Ok(None);
        };
        let session =
            asked::<T, _, _>("find_access", self.tokens.find_access(token.digest())).await?;
        let session = session.filter(|session| !session.is_expired_at(self.clock.now()));
        Ok(session.as_ref().map(active_access))
    }

    async fn find_refresh(
        &self,
        token: &str,
        client: Option<&Client>,
    ) -> Result<Option<Active>, TokenError> {
        let Some(token) = RefreshToken::parse(token) else {
            return Ok(None);
        };
        let family =
            asked::<T, _, _>("find_family", self.tokens.find_family(token.family())).await?;
        let family = family.filter(|family| family.client() == client.map(Client::id));
        Ok(family.and_then(|family| self.active_refresh(&token, &family)))
    }

    /// A spent token is not active, even while its grace window is open.
    fn active_refresh(&self, token: &RefreshToken, family: &Family) -> Option<Active> {
        let chain = family.chain()?;
        let Standing::Current = chain.judge(token.digest(), self.clock.now()) else {
            return None;
        };
        Some(Active {
            subject: family.subject().clone(),
            client: family.client().cloned(),
            scope: family.scope().clone(),
            token_type: None,
            issued_at: family.refreshed_at(),
            expires_at: chain.expires_at(),
        })
    }
}

fn active_access(session: &Session) -> Active {
    Active {
        subject: session.subject().clone(),
        client: session.client().cloned(),
        scope: session.scope().clone(),
        token_type: Some("Bearer"),
        issued_at: session.issued_at(),
        expires_at: session.expires_at(),
    }
}

/// RFC 7662 §2.2.
fn describe(active: Option<Active>) -> Bytes {
    let Some(active) = active else {
        return JsonObject::new().boolean("active", false).finish();
    };
    let mut json = JsonObject::new().boolean("active", true);
    if !active.scope.is_empty() {
        json = json.string("scope", &active.scope.to_string());
    }
    if let Some(client) = active.client {
        json = json.string("client_id", client.as_str());
    }
    if let Some(token_type) = active.token_type {
        json = json.string("token_type", token_type);
    }
    json.number("exp", active.expires_at.as_secs())
        .number("iat", active.issued_at.as_secs())
        .string("sub", active.subject.as_str())
        .finish()
}

impl<A, T> fmt::Debug for Introspection<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
