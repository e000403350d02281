use std::sync::Arc;

use super::StoreError;
use crate::model::{ClientId, ClientSecret, Scope, SecretDigest};

/// A grant type of the token endpoint ([RFC 6749 §4.3, §6]).
///
/// [RFC 6749 §4.3, §6]: https://www.rfc-editor.org/rfc/rfc6749#section-4.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantType {
    /// `password`: a user logs in.
    Password,
    /// `refresh_token`: a login is carried on.
    RefreshToken,
}

/// An application that logs users in ([RFC 6749 §2.1]).
///
/// A *confidential* client can keep a secret: it runs on a server. A *public* one cannot: it
/// runs on its user's device, and a secret given to it would be everybody's (RFC 6749 §10.1).
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::{ClientId, ClientSecret};
/// use tower_oauth2_password::store::Client;
///
/// let secret = ClientSecret::generate()?; // to be shown to the client's operator, once
/// let backend = Client::confidential(ClientId::new("backend")?, secret.digest())
///     .with_introspection(true);
/// let phone = Client::public(ClientId::new("phone")?)
///     .with_scope("me items:read".parse()?);
/// # let _ = (backend, phone);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 6749 §2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.1
#[derive(Clone, Debug)]
pub struct Client {
    id: ClientId,
    secret: Option<SecretDigest>,
    grants: Vec<GrantType>,
    scope: Option<Scope>,
    introspects: bool,
}

impl Client {
    /// A client without a secret, which may use both grants for any scope.
    pub fn public(id: ClientId) -> Self {
        Self {
            id,
            secret: None,
            grants: vec![GrantType::Password, GrantType::RefreshToken],
            scope: None,
            introspects: false,
        }
    }

    /// A client that has to prove who it is, and may use both grants for any scope.
    pub fn confidential(id: ClientId, secret: SecretDigest) -> Self {
        let mut client = Self::public(id);
        client.secret = Some(secret);
        client
    }

    /// Sets which grants it may use. The default is both. Without
    /// [`GrantType::RefreshToken`] it gets no refresh token (RFC 9700 §4.14.2).
    #[must_use]
    pub fn with_grants(mut self, grants: impl Into<Vec<GrantType>>) -> Self {
        self.grants = grants.into();
        self
    }

    /// Sets what its tokens may allow at most, whatever the user may have. The default is no
    /// such limit.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Sets whether it may ask about any token ([RFC 7662 §2.1]). The default is `false`. A
    /// public client may not, whatever is set here: it cannot prove who it is.
    ///
    /// [RFC 7662 §2.1]: https://www.rfc-editor.org/rfc/rfc7662#section-2.1
    #[must_use]
    pub fn with_introspection(mut self, introspects: bool) -> Self {
        self.introspects = introspects;
        self
    }

    /// What names it.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// What is kept of its secret, if it has one.
    pub fn secret(&self) -> Option<&SecretDigest> {
        self.secret.as_ref()
    }

    /// Whether it has no secret.
    pub fn is_public(&self) -> bool {
        self.secret.is_none()
    }

    /// Whether it may use `grant`.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    /// What its tokens may allow at most; `None` is no such limit.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Whether it may ask about any token.
    pub fn may_introspect(&self) -> bool {
        self.introspects && !self.is_public()
    }

    /// Whether `presented` is what it has to present: its secret, or nothing if it is public.
    pub fn accepts(&self, presented: Option<&ClientSecret>) -> bool {
        match (self.secret, presented) {
            (Some(own), Some(presented)) => own.is_of(presented),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// Knows the clients. A flow that is given one serves no others.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::model::ClientId;
/// use tower_oauth2_password::store::{Client, ClientStore, StoreError};
///
/// /// One public client, known at compile time.
/// struct OnlyThePhone;
///
/// impl ClientStore for OnlyThePhone {
///     async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
///         Ok((id.as_str() == "phone").then(|| Client::public(id.clone())))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no client store",
    note = "implement `ClientStore`, or use `MemoryClients`"
)]
pub trait ClientStore: Send + Sync + 'static {
    /// Looks up a client. "Not found" is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. The caller answers 503.
    fn find_client(
        &self,
        id: &ClientId,
    ) -> impl Future<Output = Result<Option<Client>, StoreError>> + Send;
}

impl<T: ClientStore> ClientStore for Arc<T> {
    async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        (**self).find_client(id).await
    }
}
