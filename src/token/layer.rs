use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, Uri, uri::PathAndQuery};
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseFuture, RouteFuture};
use crate::wire::ResponseBody;

/// Lets an endpoint of this crate answer on one path and leaves all else to the inner service.
///
/// Put it outside of a `BearerLayer`: whoever logs in has no token yet.
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct EndpointLayer<E> {
    path: EndpointPath,
    endpoint: E,
}

impl<E> EndpointLayer<E> {
    /// Lets `endpoint` answer on `path`.
    pub fn new(path: EndpointPath, endpoint: E) -> Self {
        Self { path, endpoint }
    }
}

impl<S, E: Clone> Layer<S> for EndpointLayer<E> {
    type Service = EndpointRoute<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { path, endpoint } = self.clone();
        EndpointRoute {
            inner,
            path,
            endpoint,
        }
    }
}

impl<E> fmt::Debug for EndpointLayer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointLayer")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The service that [`EndpointLayer`] makes: requests on one path go to the endpoint, all others
/// to the inner service.
#[derive(Clone)]
pub struct EndpointRoute<S, E> {
    inner: S,
    path: EndpointPath,
    endpoint: E,
}

impl<S, E, ReqBody, ResBody> Service<Request<ReqBody>> for EndpointRoute<S, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    E: Service<
            Request<ReqBody>,
            Response = Response<ResponseBody>,
            Error = Infallible,
            Future = ResponseFuture,
        >,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = RouteFuture<S::Future>;

    /// An endpoint of this crate is always ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        if self.path.matches(request.uri()) {
            RouteFuture::endpoint(self.endpoint.call(request))
        } else {
            RouteFuture::inner(self.inner.call(request))
        }
    }
}

impl<S: fmt::Debug, E> fmt::Debug for EndpointRoute<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointRoute")
            .field("inner", &self.inner)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Where an endpoint is: an absolute path, matched exactly, whatever the query (RFC 6749 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPath(Arc<str>);

impl EndpointPath {
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
    /// # use tower_oauth2_password::token::EndpointPath;
    /// assert!(EndpointPath::new("/oauth2/token").is_ok());
    /// assert!(EndpointPath::new("token").is_err());
    /// assert!(EndpointPath::new("/token?tenant=1").is_err());
    /// ```
    pub fn new(path: &str) -> Result<Self, PathError> {
        let parsed = path.parse::<PathAndQuery>().map_err(|_| PathError)?;
        // The parser drops a fragment and adds what is missing, so compare.
        if !path.starts_with('/') || parsed.path() != path {
            return Err(PathError);
        }
        Ok(Self(Arc::from(path)))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn matches(&self, uri: &Uri) -> bool {
        uri.path() == &*self.0
    }
}

/// The text is no [`EndpointPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path is absolute, such as /token, without query and fragment")
    }
}

impl std::error::Error for PathError {}
