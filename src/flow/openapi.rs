use super::PasswordFlow;
use crate::{
    integrations::openapi::Description,
    store::{TokenStore, UserStore},
    token::{EndpointPath, PathError},
};

impl<U, T> PasswordFlow<U, T>
where
    U: UserStore,
    T: TokenStore,
{
    /// What clients are told of this flow in OpenAPI, if its token endpoint is at `token`. The
    /// module [`openapi`](crate::openapi) has an example.
    ///
    /// # Errors
    ///
    /// As [`token_layer`](Self::token_layer).
    pub fn openapi(&self, token: &str) -> Result<Description, PathError> {
        let description = Description::new(EndpointPath::new(token)?);
        Ok(description
            .with_refresh(self.refreshes)
            .with_clients(self.clients.is_some())
            .with_throttle(self.throttle.is_some()))
    }
}
