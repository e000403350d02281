use std::sync::Arc;

use super::PasswordFlow;
use crate::{
    model::PublicUrl,
    store::{TokenStore, UserStore},
    token::{
        Endpoint, EndpointLayer, EndpointPath, Handle, IntrospectionService, Limits,
        PasswordAuthenticator, PathError, ResourceMetadata, RevocationService, ServerMetadata,
        TokenService,
    },
};

impl<U, T> PasswordFlow<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    /// Sets how long the body of a request may be and may take, and the like. The default is
    /// [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The token endpoint as a service, to be mounted on a route.
    pub fn token_service(&self) -> TokenService<PasswordAuthenticator<U>, T> {
        let service = TokenService::new(self.authenticator(), self.issuer());
        self.set_up(service.with_shared_label(self.label.clone()))
    }

    /// The token endpoint as a layer that answers on `path` and leaves all else to the service
    /// inside.
    ///
    /// # Errors
    ///
    /// [`PathError`] if `path` is not absolute, or has a query or a fragment.
    pub fn token_layer(
        &self,
        path: &str,
    ) -> Result<EndpointLayer<TokenService<PasswordAuthenticator<U>, T>>, PathError> {
        let path = EndpointPath::new(path)?;
        Ok(EndpointLayer::new(path, self.token_service()))
    }

    /// The revocation endpoint (RFC 7009) as a service: where clients log out.
    pub fn revocation_service(&self) -> RevocationService<T> {
        self.set_up(RevocationService::new(Arc::clone(&self.tokens)))
    }

    /// The revocation endpoint as a layer, like [`token_layer`](Self::token_layer).
    ///
    /// # Errors
    ///
    /// As [`token_layer`](Self::token_layer).
    pub fn revocation_layer(
        &self,
        path: &str,
    ) -> Result<EndpointLayer<RevocationService<T>>, PathError> {
        let path = EndpointPath::new(path)?;
        Ok(EndpointLayer::new(path, self.revocation_service()))
    }

    /// The introspection endpoint (RFC 7662) as a service: where resource servers ask about
    /// tokens. It answers confidential clients of [`with_clients`](Self::with_clients) only.
    pub fn introspection_service(&self) -> IntrospectionService<PasswordAuthenticator<U>, T> {
        let tokens = Arc::clone(&self.tokens);
        let service = IntrospectionService::new(self.authenticator(), tokens, self.clock.clone());
        self.set_up(service)
    }

    /// The introspection endpoint as a layer, like [`token_layer`](Self::token_layer).
    ///
    /// # Errors
    ///
    /// As [`token_layer`](Self::token_layer).
    pub fn introspection_layer(
        &self,
        path: &str,
    ) -> Result<EndpointLayer<IntrospectionService<PasswordAuthenticator<U>, T>>, PathError> {
        let path = EndpointPath::new(path)?;
        Ok(EndpointLayer::new(path, self.introspection_service()))
    }

    /// The metadata of this flow (RFC 8414), whose token endpoint is at `token` below
    /// `issuer`, as clients see it.
    ///
    /// # Errors
    ///
    /// As [`token_layer`](Self::token_layer).
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, token::EndpointPath};
    ///
    /// let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new());
    /// let document = flow
    ///     .server_metadata("https://api.example.com".parse()?, "/token")?
    ///     .with_revocation(EndpointPath::new("/revoke")?)
    ///     .document();
    /// let app: Router = Router::new()
    ///     .route_service("/token", flow.token_service())
    ///     .route_service("/revoke", flow.revocation_service())
    ///     .route_service(document.path().as_str(), document.clone());
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server_metadata(
        &self,
        issuer: PublicUrl,
        token: &str,
    ) -> Result<ServerMetadata, PathError> {
        let metadata = ServerMetadata::new(issuer, EndpointPath::new(token)?);
        Ok(metadata
            .with_refresh(self.refreshes)
            .with_clients(self.clients.is_some()))
    }

    /// The metadata of the service that this flow guards (RFC 9728), if it is reached at
    /// `resource` and its tokens come from there too.
    /// [`with_resource_metadata`](Self::with_resource_metadata) names it in challenges.
    pub fn resource_metadata(&self, resource: PublicUrl) -> ResourceMetadata {
        ResourceMetadata::new(resource.clone()).with_authorization_server(resource)
    }

    fn set_up<H: Handle>(&self, endpoint: Endpoint<H>) -> Endpoint<H> {
        endpoint
            .with_erased_clients(self.clients.clone())
            .with_erased_throttle(self.throttle.clone())
            .with_limits(self.limits)
            .with_observer(self.observer())
            .with_realm(self.realm.clone())
    }
}
