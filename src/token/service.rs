use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{HeaderMap, HeaderName, Method, Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_service::Service;
use zeroize::Zeroizing;

use super::{
    Authenticate, Issued, Issuer, RequestFault, ResponseFuture, RouteFuture, TokenError, TokenPath,
    grant::grant, parse::parse, respond::respond,
};
use crate::{
    store::TokenStore,
    wire::{ResponseBody, essence_is},
};

/// The most bytes of a request's body: a password grant has a few hundred.
const MAX_BODY_BYTES: usize = 16 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// The token endpoint as a service: answers every request as a token request, whatever its path.
///
/// Mount it on a route of a router. [`TokenLayer`](super::TokenLayer) puts it in front of a
/// service that has no router.
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
pub struct TokenService<A, T> {
    endpoint: Arc<Endpoint<A, T>>,
}

struct Endpoint<A, T> {
    authenticator: Arc<A>,
    issuer: Issuer<T>,
    scheme_header: Option<HeaderName>,
}

impl<A, T> TokenService<A, T>
where
    A: Authenticate,
    T: TokenStore,
{
    /// Authenticates with `authenticator` and hands out tokens of `issuer`.
    pub fn new(authenticator: A, issuer: Issuer<T>) -> Self {
        let authenticator = Arc::new(authenticator);
        Self {
            endpoint: Arc::new(Endpoint {
                authenticator,
                issuer,
                scheme_header: None,
            }),
        }
    }

    /// Refuses requests that did not come over TLS (RFC 6749 §3.2): `scheme_header`, such as
    /// `x-forwarded-proto`, must be there once and say `https`. The default is not to look.
    ///
    /// It means something only if a proxy in front terminates TLS and **overwrites** that field
    /// in every request (RFC 9700 §4.13); otherwise clients can set it themselves.
    #[must_use]
    pub fn with_https_required(mut self, scheme_header: HeaderName) -> Self {
        let Endpoint {
            authenticator,
            issuer,
            ..
        } = &*self.endpoint;
        self.endpoint = Arc::new(Endpoint {
            authenticator: Arc::clone(authenticator),
            issuer: issuer.clone(),
            scheme_header: Some(scheme_header),
        });
        self
    }

    fn answer<B>(&self, request: Request<B>) -> ResponseFuture
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let endpoint = Arc::clone(&self.endpoint);
        let (head, body) = request.into_parts();
        ResponseFuture::new(async move { respond(endpoint.serve(&head, body).await) })
    }
}

impl<A, T> Endpoint<A, T>
where
    A: Authenticate,
    T: TokenStore,
{
    async fn serve<B>(&self, head: &Parts, body: B) -> Result<Issued, TokenError>
    where
        B: Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.check_head(head)?;
        let request = parse(&read(body).await?)?;
        let identity = grant(&*self.authenticator, request).await?;
        self.issuer.issue(identity).await
    }

    fn check_head(&self, head: &Parts) -> Result<(), RequestFault> {
        if head.method != Method::POST {
            return Err(RequestFault::Method);
        }
        if let Some(name) = &self.scheme_header {
            if !says_https(&head.headers, name) {
                return Err(RequestFault::Insecure);
            }
        }
        if !essence_is(&head.headers, FORM) {
            return Err(RequestFault::MediaType);
        }
        Ok(())
    }
}

fn says_https(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut fields = headers.get_all(name).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return false;
    };
    field.as_bytes().eq_ignore_ascii_case(b"https")
}

/// Reads a body into memory that is wiped afterwards: there is a password in it.
async fn read<B>(body: B) -> Result<Zeroizing<Vec<u8>>, RequestFault>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let announced = body.size_hint();
    if announced.lower() > MAX_BODY_BYTES as u64 {
        return Err(RequestFault::TooLarge);
    }
    // Never grown, as growing would leave a copy behind.
    let capacity = announced
        .upper()
        .and_then(|upper| usize::try_from(upper).ok());
    let capacity = capacity.unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let mut body = std::pin::pin!(Limited::new(body, MAX_BODY_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                RequestFault::TooLarge
            } else {
                RequestFault::Interrupted
            }
        })?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    Ok(bytes)
}

impl<A, T, B> Service<Request<B>> for TokenService<A, T>
where
    A: Authenticate,
    T: TokenStore,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.answer(request)
    }
}

impl<A, T> Clone for TokenService<A, T> {
    fn clone(&self) -> Self {
        Self {
            endpoint: Arc::clone(&self.endpoint),
        }
    }
}

impl<A, T> fmt::Debug for TokenService<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenService")
            .field("issuer", &self.endpoint.issuer)
            .finish_non_exhaustive()
    }
}

/// The service that [`TokenLayer`](super::TokenLayer) makes: token requests on one path, all
/// else to the inner service.
pub struct TokenRoute<S, A, T> {
    pub(super) inner: S,
    pub(super) path: TokenPath,
    pub(super) endpoint: TokenService<A, T>,
}

impl<S, A, T, ReqBody, ResBody> Service<Request<ReqBody>> for TokenRoute<S, A, T>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    A: Authenticate,
    T: TokenStore,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
    ReqBody::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = RouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        if self.path.matches(request.uri()) {
            RouteFuture::token(self.endpoint.answer(request))
        } else {
            RouteFuture::inner(self.inner.call(request))
        }
    }
}

impl<S: Clone, A, T> Clone for TokenRoute<S, A, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            path: self.path.clone(),
            endpoint: self.endpoint.clone(),
        }
    }
}

impl<S: fmt::Debug, A, T> fmt::Debug for TokenRoute<S, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRoute")
            .field("inner", &self.inner)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
