use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use super::{
    Limits, ResponseFuture, TokenError,
    client::{Caller, Clients},
    form::Form,
    guard::Guard,
    receive::{check_head, read},
    respond::respond,
};
use crate::{
    model::Realm,
    observe::{Observer, Record, RequestSpan},
    store::ClientStore,
    throttle::{Throttle, Throttles},
    wire::ResponseBody,
};

/// An endpoint that takes forms as a service: answers every request, whatever its path.
///
/// It is a [`TokenService`](super::TokenService), a [`RevocationService`] or an
/// [`IntrospectionService`]. Mount it on a route of a router. [`EndpointLayer`] puts it in front
/// of a service that has no router.
///
/// [`RevocationService`]: super::RevocationService
/// [`IntrospectionService`]: super::IntrospectionService
/// [`EndpointLayer`]: super::EndpointLayer
pub struct Endpoint<H> {
    handler: Arc<H>,
    options: Arc<Options>,
}

#[derive(Clone)]
struct Options {
    scheme_header: Option<HeaderName>,
    clients: Option<Clients>,
    throttle: Option<Throttles>,
    limits: Limits,
    observer: Observer,
    realm: Realm,
}

/// What an [`Endpoint`] does with a form. It is sealed: only this crate implements it.
pub trait Handle: sealed::Handle {}

impl<H: sealed::Handle> Handle for H {}

pub(super) mod sealed {
    use super::{Bytes, FormRequest, Response, TokenError};

    pub trait Handle: Send + Sync + 'static {
        /// Whether wrong client credentials are answered with a challenge wherever they stood.
        const ALWAYS_CHALLENGES: bool = false;

        /// What the span of a request is called.
        const SPAN: &'static str;

        /// Answers one form.
        fn handle(
            &self,
            request: FormRequest,
        ) -> impl Future<Output = Result<Response<Bytes>, TokenError>> + Send;
    }
}

/// A form, read to its end, and who sent it.
pub struct FormRequest {
    pub(super) head: Parts,
    pub(super) form: Form,
    pub(super) caller: Caller,
    pub(super) guard: Guard,
}

/// Shows the path: there are secrets in the rest, and may be in the query.
impl fmt::Debug for FormRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormRequest")
            .field("path", &self.head.uri.path())
            .finish_non_exhaustive()
    }
}

impl<H: Handle> Endpoint<H> {
    pub(super) fn with_handler(handler: H) -> Self {
        let options = Options {
            scheme_header: None,
            clients: None,
            throttle: None,
            limits: Limits::default(),
            observer: Observer::default(),
            realm: Realm::default(),
        };
        Self {
            handler: Arc::new(handler),
            options: Arc::new(options),
        }
    }

    /// Changes what answers, before anything was asked.
    pub(super) fn map_handler(self, change: impl FnOnce(H) -> H) -> Self
    where
        H: Clone,
    {
        let handler = change(Arc::unwrap_or_clone(self.handler));
        Self {
            handler: Arc::new(handler),
            options: self.options,
        }
    }

    /// Refuses requests that did not come over TLS (RFC 6749 §3.2): `scheme_header`, such as
    /// `x-forwarded-proto`, must be there once and say `https`. The default is not to look.
    ///
    /// It means something only if a proxy in front terminates TLS and **overwrites** that field
    /// in every request (RFC 9700 §4.13); otherwise clients can set it themselves.
    #[must_use]
    pub fn with_https_required(self, scheme_header: HeaderName) -> Self {
        self.with(|options| options.scheme_header = Some(scheme_header))
    }

    /// Serves the clients of `clients` and no others (RFC 6749 §2.3). By default every client is
    /// served, and what it says about itself is not looked at.
    #[must_use]
    pub fn with_clients(self, clients: impl ClientStore) -> Self {
        self.with_erased_clients(Some(Clients::new(clients)))
    }

    pub(crate) fn with_erased_clients(self, clients: Option<Clients>) -> Self {
        self.with(|options| options.clients = clients)
    }

    /// Slows down whoever guesses (RFC 6749 §4.3.2, §2.3.1). The default of an endpoint that
    /// `PasswordFlow` did not make is not to.
    #[must_use]
    pub fn with_throttle(self, throttle: impl Throttle) -> Self {
        self.with_erased_throttle(Some(Throttles::new(throttle)))
    }

    /// Sets where a request comes from, for the throttle and for whoever watches; see
    /// `PasswordFlow::with_source`.
    #[must_use]
    pub fn with_source<F>(self, source: F) -> Self
    where
        F: Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.with(|options| options.observer.source_of = Some(Arc::new(source)))
    }

    /// Tells `hook` of every [`Event`](crate::observe::Event) here, dated by the system's clock; see
    /// `PasswordFlow::with_event_hook`. The default is to tell nobody.
    #[must_use]
    pub fn with_event_hook(self, hook: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.with(|options| options.observer.hook = Some(Arc::new(hook)))
    }

    pub(crate) fn with_observer(self, observer: Observer) -> Self {
        self.with(|options| options.observer = observer)
    }

    pub(crate) fn with_erased_throttle(self, throttle: Option<Throttles>) -> Self {
        self.with(|options| options.throttle = throttle)
    }

    /// Sets how long a body may be and may take, and the like. The default is [`Limits::default`].
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        self.with(|options| options.limits = limits)
    }

    /// Sets the realm that the challenge for a client names. The default is `api`.
    #[must_use]
    pub fn with_realm(self, realm: Realm) -> Self {
        self.with(|options| options.realm = realm)
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(Arc::make_mut(&mut self.options));
        self
    }
}

async fn serve<H, B>(
    handler: &H,
    options: &Options,
    request: Request<B>,
    span: &RequestSpan,
) -> Result<Response<Bytes>, TokenError>
where
    H: Handle,
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    check_head(&head, options.scheme_header.as_ref())?;
    let limits = &options.limits;
    let form = Form::parse(&read(body, limits).await?, limits.parameters)?;
    let mut guard = Guard::new(options.throttle.as_ref(), &options.observer, &head);
    if let Some(grant_type) = form.get("grant_type") {
        span.has_grant_type(grant_type);
    }
    if let Some(source) = guard.scene().source() {
        span.has_source(source);
    }
    let clients = options.clients.as_ref();
    let caller = Caller::identify(clients, &guard, limits, &head.headers, &form).await;
    let caller = caller.map_err(|error| match error {
        TokenError::InvalidClient { challenge } => TokenError::InvalidClient {
            challenge: challenge || H::ALWAYS_CHALLENGES,
        },
        other => other,
    })?;
    if let Some(client) = caller.client() {
        span.has_client(client.id().as_str());
        guard.set_client(Some(client.id().clone()));
    }
    let request = FormRequest {
        head,
        form,
        caller,
        guard,
    };
    handler.handle(request).await
}

impl<H, B> Service<Request<B>> for Endpoint<H>
where
    H: Handle,
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
        let Self { handler, options } = self.clone();
        let version = request.version();
        ResponseFuture::new(async move {
            let span = RequestSpan::new(H::SPAN);
            let work = async {
                let outcome = serve(&*handler, &options, request, &span).await;
                let response = respond(outcome, &options.realm, version);
                let error = response.extensions().get::<TokenError>();
                span.ended(response.status().as_u16(), error.map(TokenError::code));
                response
            };
            span.clone().around(work).await
        })
    }
}

impl<H> Clone for Endpoint<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            options: Arc::clone(&self.options),
        }
    }
}

impl<H: fmt::Debug> fmt::Debug for Endpoint<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("handler", &self.handler)
            .field("scheme_header", &self.options.scheme_header)
            .field("limits", &self.options.limits)
            .field("realm", &self.options.realm)
            .finish_non_exhaustive()
    }
}
