use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Response, request::Parts};

use super::{
    Authenticate, Endpoint, FormRequest, Issuer, TokenError,
    endpoint::sealed,
    grant::{Grants, Label},
    respond::issued,
};
use crate::store::TokenStore;

/// The token endpoint as a service: the password grant, and with [`Issuer::with_refresh`] the
/// refresh grant.
///
/// # Example
///
/// ```
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, password::Bcrypt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = MemoryUsers::new()
///     .with_hasher(Bcrypt::new(4)?) // 4 is for tests; the default is 12
///     .with_user("meera", "secret123", ())?;
/// let token = PasswordFlow::new(users, MemoryTokens::new()).token_service();
///
/// let request = Request::post("/token")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body(String::from("grant_type=password&username=meera&password=secret123"))?;
/// let response = token.oneshot(request).await?;
/// assert_eq!(response.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
pub type TokenService<A, T> = Endpoint<Grants<A, T>>;

impl<A, T> Endpoint<Grants<A, T>>
where
    A: Authenticate,
    T: TokenStore,
{
    /// Authenticates with `authenticator` and hands out tokens of `issuer`.
    pub fn new(authenticator: A, issuer: Issuer<T>) -> Self {
        Self::with_handler(Grants {
            authenticator: Arc::new(authenticator),
            issuer,
            label: None,
        })
    }

    /// Names each login by the head of its request, say by `User-Agent`, for the list that a user
    /// is shown. The default is no name. What the authenticator gave the
    /// [`Identity`](super::Identity) comes first; from 200 **characters** on it is cut off.
    #[must_use]
    pub fn with_label<F>(self, label: F) -> Self
    where
        F: Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    {
        self.with_shared_label(Some(Arc::new(label)))
    }

    pub(crate) fn with_shared_label(self, label: Option<Arc<Label>>) -> Self {
        self.map_handler(|grants| Grants { label, ..grants })
    }
}

impl<A, T> sealed::Handle for Grants<A, T>
where
    A: Authenticate,
    T: TokenStore,
{
    const SPAN: &'static str = "oauth2.token";

    async fn handle(&self, request: FormRequest) -> Result<Response<Bytes>, TokenError> {
        Ok(issued(self.grant(request).await?))
    }
}

impl<A, T> fmt::Debug for Grants<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
