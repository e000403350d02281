use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Rejection, refuse, reject::report};
use crate::{
    model::{Anonymous, Authenticated, Protected, PublicUrl, Realm, Scope},
    observe::{self, Observer, Record},
    wire::ResponseBody,
};

/// Lets a request through only if its token allows all of a scope. It stands inside a
/// [`BearerLayer`](super::BearerLayer) whose validator knows users of type `U`.
///
/// A token with too little gets 403 `insufficient_scope`, an anonymous request 401. Where no
/// `BearerLayer` ran, nobody gets through: 500, and a line in the log.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::bearer::RequireScope;
/// # struct User;
/// let guard = RequireScope::<User>::new("items:read".parse()?);
/// # let _ = guard;
/// # Ok::<(), tower_oauth2_password::model::ScopeError>(())
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RequireScope<U> {
    required: Scope,
    protected: Protected,
    observer: Observer,
    user: PhantomData<fn() -> U>,
}

impl<U> RequireScope<U> {
    /// Demands every token of `required`.
    pub fn new(required: Scope) -> Self {
        Self {
            required,
            protected: Protected::default(),
            observer: Observer::default(),
            user: PhantomData,
        }
    }

    /// Sets the realm that challenges name. The default is `api`.
    pub fn with_realm(mut self, realm: Realm) -> Self {
        self.protected.realm = realm;
        self
    }

    /// Names the protected resource's metadata in challenges (RFC 9728 §5.1). The default is not
    /// to.
    pub fn with_resource_metadata(mut self, url: PublicUrl) -> Self {
        self.protected.metadata = Some(url);
        self
    }

    /// Tells `hook` of every token that does not allow enough, and who has it; see
    /// [`BearerLayer::with_event_hook`](super::BearerLayer::with_event_hook).
    pub fn with_event_hook(mut self, hook: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.observer.hook = Some(Arc::new(hook));
        self
    }

    pub(crate) fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    fn turn_away<B>(&self, rejection: Rejection, request: Request<B>) -> Response<Bytes>
    where
        U: Send + Sync + 'static,
    {
        let (head, _body) = request.into_parts();
        let user = head.extensions.get::<Authenticated<U>>();
        let subject = user.map(|user| user.session().subject());
        report(&self.observer, &head, subject, &rejection);
        refuse(rejection, &self.protected, &head.headers)
    }

    fn check(&self, extensions: &Extensions) -> Result<(), Rejection>
    where
        U: Send + Sync + 'static,
    {
        if let Some(user) = extensions.get::<Authenticated<U>>() {
            // Nothing covers less than the empty scope, so a refusal always names one.
            if user.scope().covers(&self.required) {
                return Ok(());
            }
            return Err(Rejection::InsufficientScope {
                required: self.required.clone(),
            });
        }
        if extensions.get::<Anonymous>().is_some() {
            return Err(Rejection::Missing);
        }
        observe::unguarded("RequireScope", type_name::<U>());
        Err(Rejection::Unguarded)
    }
}

impl<S, U> Layer<S> for RequireScope<U> {
    type Service = ScopeGuard<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = Arc::new(self.clone());
        ScopeGuard { inner, layer }
    }
}

impl<U> Clone for RequireScope<U> {
    fn clone(&self) -> Self {
        Self {
            required: self.required.clone(),
            protected: self.protected.clone(),
            observer: self.observer.clone(),
            user: PhantomData,
        }
    }
}

impl<U> fmt::Debug for RequireScope<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScope")
            .field("required", &self.required)
            .field("protected", &self.protected)
            .finish_non_exhaustive()
    }
}

/// The service that [`RequireScope`] makes.
pub struct ScopeGuard<S, U> {
    inner: S,
    layer: Arc<RequireScope<U>>,
}

impl<S, U, ReqBody, ResBody> Service<Request<ReqBody>> for ScopeGuard<S, U>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    U: Send + Sync + 'static,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ScopeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.layer.check(request.extensions()) {
            Ok(()) => State::Call {
                response: self.inner.call(request),
            },
            Err(rejection) => {
                let response = self.layer.turn_away(rejection, request);
                State::Refuse {
                    response: Some(response),
                }
            }
        };
        ScopeFuture { state }
    }
}

impl<S: Clone, U> Clone for ScopeGuard<S, U> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: Arc::clone(&self.layer),
        }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for ScopeGuard<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeGuard")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

pin_project! {
    /// The response of a [`ScopeGuard`].
    #[derive(Debug)]
    pub struct ScopeFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Refuse { response: Option<Response<Bytes>> },
        Call { #[pin] response: F },
    }
}

impl<F, ResBody, E> Future for ScopeFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refuse { response } => {
                let response = response.take().expect("polled after completion");
                Poll::Ready(Ok(ResponseBody::wrap_own(response)))
            }
            StateProj::Call { response } => response
                .poll(cx)
                .map_ok(|response| response.map(ResponseBody::inner)),
        }
    }
}
