use std::{fmt, sync::Arc};

use http::{Uri, uri::PathAndQuery};
use tower_layer::Layer;

use super::{TokenRoute, TokenService};

/// Answers token requests on one path and leaves all else to the inner service.
///
/// Put it outside of a `BearerLayer`: whoever logs in has no token yet.
#[must_use = "a layer does nothing until it wraps a service"]
pub struct TokenLayer<A, T> {
    path: TokenPath,
    endpoint: TokenService<A, T>,
}

impl<A, T> TokenLayer<A, T> {
    /// Lets `endpoint` answer on `path`.
    pub fn new(path: TokenPath, endpoint: TokenService<A, T>) -> Self {
        Self { path, endpoint }
    }
}

impl<S, A, T> Layer<S> for TokenLayer<A, T> {
    type Service = TokenRoute<S, A, T>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { path, endpoint } = self.clone();
        TokenRoute {
            inner,
            path,
            endpoint,
        }
    }
}

impl<A, T> Clone for TokenLayer<A, T> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            endpoint: self.endpoint.clone(),
        }
    }
}

impl<A, T> fmt::Debug for TokenLayer<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLayer")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Where the token endpoint is: an absolute path, matched exactly, whatever the query
/// (RFC 6749 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPath(Arc<str>);

impl TokenPath {
    /// Takes `path`, such as `/token`.
    ///
    /// # Errors
    ///
    /// [`PathError`] if it does not begin with `/`, has a query or a fragment, or is not what a
    /// request's URI can hold.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::token::TokenPath;
    /// assert!(TokenPath::new("/oauth2/token").is_ok());
    /// assert!(TokenPath::new("token").is_err());
    /// assert!(TokenPath::new("/token?tenant=1").is_err());
    /// ```
    pub fn new(path: &str) -> Result<Self, PathError> {
        let parsed = path.parse::<PathAndQuery>().map_err(|_| PathError)?;
        // The parser drops a fragment and adds what is missing, so compare.
        if !path.starts_with('/') || parsed.path() != path {
            return Err(PathError);
        }
        Ok(Self(Arc::from(path)))
    }

    pub(super) fn matches(&self, uri: &Uri) -> bool {
        uri.path() == &*self.0
    }
}

/// The text is no [`TokenPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token path is absolute, such as /token, without query and fragment")
    }
}

impl std::error::Error for PathError {}
