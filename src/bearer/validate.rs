use std::{fmt, sync::Arc};

use super::Rejection;
use crate::model::{AccessToken, Authenticated, BearerToken};

/// Judges access tokens: all that [`BearerLayer`](super::BearerLayer) needs.
///
/// A service that issues its own tokens has [`SessionValidator`](super::SessionValidator), which
/// `PasswordFlow::bearer_layer` sets up. A resource server, whose tokens come from elsewhere,
/// implements only this.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tower_oauth2_password::bearer::{BearerLayer, Rejection, Validate};
/// use tower_oauth2_password::model::{Authenticated, BearerToken, Clock, Lifetime, Session, Subject};
///
/// struct Robot;
///
/// /// One fixed token for the machine next door.
/// struct OneToken;
///
/// impl Validate for OneToken {
///     type User = Robot;
///
///     async fn validate(&self, token: BearerToken<'_>) -> Result<Authenticated<Robot>, Rejection> {
///         // Digests are compared, so the time says nothing about the token.
///         let expected = BearerToken::parse("c2VjcmV0").ok_or(Rejection::Invalid)?;
///         if token.digest() != expected.digest() {
///             return Err(Rejection::Invalid);
///         }
///         let now = Clock::system().now();
///         let subject = Subject::new("robot").map_err(|_| Rejection::Invalid)?;
///         Ok(Authenticated::new(Arc::new(Robot), Session::new(subject, now, now + Lifetime::HOUR)))
///     }
/// }
///
/// let layer = BearerLayer::new(OneToken);
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot validate tokens",
    note = "implement `Validate`, or wrap a closure in `validate_fn`"
)]
pub trait Validate: Send + Sync + 'static {
    /// Whom a valid token stands for.
    type User: Send + Sync + 'static;

    /// Judges `token`: whose it is, or why it is refused.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] for a token that is unknown, expired or revoked, and
    /// [`Rejection::Unchecked`] if that could not be found out.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the client goes away.
    fn validate(
        &self,
        token: BearerToken<'_>,
    ) -> impl Future<Output = Result<Authenticated<Self::User>, Rejection>> + Send;

    /// [`validate`](Self::validate) where that takes no waiting: then the request needs no boxed
    /// future.
    ///
    /// The default, `None`, sends the caller there.
    fn validate_now(
        &self,
        token: BearerToken<'_>,
    ) -> Option<Result<Authenticated<Self::User>, Rejection>> {
        let _ = token;
        None
    }
}

impl<V: Validate> Validate for Arc<V> {
    type User = V::User;

    async fn validate(&self, token: BearerToken<'_>) -> Result<Authenticated<V::User>, Rejection> {
        (**self).validate(token).await
    }

    fn validate_now(
        &self,
        token: BearerToken<'_>,
    ) -> Option<Result<Authenticated<V::User>, Rejection>> {
        (**self).validate_now(token)
    }
}

/// Makes a validator of a closure.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::bearer::{BearerLayer, Rejection, validate_fn};
/// use tower_oauth2_password::model::{AccessToken, Authenticated};
///
/// struct User;
///
/// let layer = BearerLayer::new(validate_fn(|token: AccessToken| async move {
///     // ask the identity provider about `token.expose()`
///     Err::<Authenticated<User>, _>(Rejection::Invalid)
/// }));
/// # let _ = layer;
/// ```
pub fn validate_fn<F, Fut, U>(validate: F) -> ValidateFn<F>
where
    F: Fn(AccessToken) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Authenticated<U>, Rejection>> + Send,
    U: Send + Sync + 'static,
{
    ValidateFn { validate }
}

/// A closure as a validator; made by [`validate_fn`].
#[derive(Clone)]
pub struct ValidateFn<F> {
    validate: F,
}

impl<F, Fut, U> Validate for ValidateFn<F>
where
    F: Fn(AccessToken) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Authenticated<U>, Rejection>> + Send,
    U: Send + Sync + 'static,
{
    type User = U;

    async fn validate(&self, token: BearerToken<'_>) -> Result<Authenticated<U>, Rejection> {
        (self.validate)(token.to_access_token()).await
    }
}

impl<F> fmt::Debug for ValidateFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateFn").finish_non_exhaustive()
    }
}
