use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    Method, Request, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};
use tower_service::Service;

use super::{
    BearerLayer, Rejection, ResponseFuture, Validate,
    extract::extract,
    inject::{inject, inject_nobody},
    place::{Place, names_token},
};
use crate::{model::AccessToken, wire::ResponseBody};

/// The service that [`BearerLayer`] makes.
///
/// Its error is the inner service's: a rejection is a response.
pub struct Bearer<S, V> {
    pub(super) inner: S,
    // Routers clone services for each request: one count is less than two.
    pub(super) layer: Arc<BearerLayer<V>>,
}

impl<S, V, ReqBody, ResBody> Service<Request<ReqBody>> for Bearer<S, V>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    V: Validate,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, V::User>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let options = &self.layer.options;
        options.places.hide(request.headers_mut());
        let is_in_query = request.uri().query().is_some_and(names_token);
        let max_token_bytes = options.max_token_bytes;
        let token = match extract(request.headers_mut(), is_in_query, max_token_bytes) {
            Ok(token) => token,
            Err(Rejection::Missing) => return self.call_without_header(request),
            Err(rejection) => {
                return ResponseFuture::refuse(rejection, options, request);
            }
        };
        match self.layer.validator.validate_now(token) {
            Some(Ok(user)) => {
                inject(request.extensions_mut(), user);
                ResponseFuture::call(self.inner.call(request))
            }
            Some(Err(rejection)) => ResponseFuture::refuse(rejection, options, request),
            None => {
                let token = token.to_access_token();
                self.ask(token, request, None)
            }
        }
    }
}

impl<S, V: Validate> Bearer<S, V> {
    /// Has the validator judge a token that it cannot judge at once.
    pub(super) fn ask<ReqBody>(
        &mut self,
        token: AccessToken,
        request: Request<ReqBody>,
        place: Option<Place>,
    ) -> ResponseFuture<S, ReqBody, V::User>
    where
        S: Service<Request<ReqBody>> + Clone,
    {
        let validator = Arc::clone(&self.layer.validator);
        let verdict = Box::pin(async move { validator.validate(token.as_bearer()).await });
        let options = Arc::clone(&self.layer.options);
        // Only the service that `poll_ready` saw is ready: the future takes that one, and its
        // clone stays here for the next request.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        ResponseFuture::validate(verdict, (request, ready), place, options)
    }

    /// Goes on with a request that has a token nowhere.
    pub(super) fn call_without_token<ReqBody>(
        &mut self,
        mut request: Request<ReqBody>,
    ) -> ResponseFuture<S, ReqBody, V::User>
    where
        S: Service<Request<ReqBody>>,
    {
        let options = &self.layer.options;
        if !options.optional && !self.is_let_off(&request) {
            return ResponseFuture::refuse(Rejection::Missing, options, request);
        }
        inject_nobody::<V::User>(request.extensions_mut(), &options.protected);
        ResponseFuture::call(self.inner.call(request))
    }

    fn is_let_off<B>(&self, request: &Request<B>) -> bool {
        self.layer.options.preflight_passes
            && request.method() == Method::OPTIONS
            && request.headers().contains_key(ORIGIN)
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }
}

impl<S: Clone, V> Clone for Bearer<S, V> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: Arc::clone(&self.layer),
        }
    }
}

impl<S: fmt::Debug, V> fmt::Debug for Bearer<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
