use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    Rejection,
    inject::inject,
    layer::Options,
    place::{Place, take_out},
    reject::{Dialect, report, respond},
};
use crate::{model::Authenticated, wire::ResponseBody};

pub(super) type Verdict<U> = BoxFuture<'static, Result<Authenticated<U>, Rejection>>;

/// Turns a request away.
fn refuse<B>(rejection: Rejection, options: &Options, request: Request<B>) -> Response<Bytes> {
    let (mut head, _body) = request.into_parts();
    // The application may log the head when it is asked for the source, or be told of the target.
    take_out(&mut head.uri);
    report(&options.observer, &head, None, &rejection);
    respond(
        rejection,
        &options.protected,
        &Dialect::of(&head.headers),
        options.hook.as_deref(),
    )
}

pin_project! {
    /// The response of a [`Bearer`](super::Bearer).
    pub struct ResponseFuture<S, ReqBody, U>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, U>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody, U>
    where
        S: Service<Request<ReqBody>>,
    {
        // Nobody is asked and nobody is called.
        Refuse { response: Option<Response<Bytes>> },
        // The validator is thinking; the request and its ready service wait.
        Validate {
            verdict: Verdict<U>,
            waiting: Option<(Request<ReqBody>, S)>,
            place: Option<Place>,
            options: Arc<Options>,
        },
        // The inner service is at work.
        Call { #[pin] response: S::Future },
        // The same, for a request whose token was not in the header.
        CallSealed { #[pin] response: S::Future, place: Place },
    }
}

impl<S, ReqBody, U> ResponseFuture<S, ReqBody, U>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) fn refuse(
        rejection: Rejection,
        options: &Options,
        request: Request<ReqBody>,
    ) -> Self {
        let response = Some(refuse(rejection, options, request));
        Self {
            state: State::Refuse { response },
        }
    }

    pub(super) fn validate(
        verdict: Verdict<U>,
        waiting: (Request<ReqBody>, S),
        place: Option<Place>,
        options: Arc<Options>,
    ) -> Self {
        Self {
            state: State::Validate {
                verdict,
                waiting: Some(waiting),
                place,
                options,
            },
        }
    }

    pub(super) fn call(response: S::Future) -> Self {
        Self {
            state: State::Call { response },
        }
    }

    pub(super) fn call_sealed(response: S::Future, place: Place) -> Self {
        Self {
            state: State::CallSealed { response, place },
        }
    }
}

impl<S, ReqBody, ResBody, U> Future for ResponseFuture<S, ReqBody, U>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    U: Send + Sync + 'static,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Refuse { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(ResponseBody::wrap_own(response)));
                }
                StateProj::Validate {
                    verdict,
                    waiting,
                    place,
                    options,
                } => {
                    let verdict = ready!(verdict.as_mut().poll(cx));
                    let (mut request, mut ready) = waiting.take().expect("polled after completion");
                    let user = match verdict {
                        Ok(user) => user,
                        Err(rejection) => {
                            let response = refuse(rejection, options, request);
                            return Poll::Ready(Ok(ResponseBody::wrap_own(response)));
                        }
                    };
                    inject(request.extensions_mut(), user);
                    let response = ready.call(request);
                    let next = match *place {
                        None => State::Call { response },
                        Some(place) => State::CallSealed { response, place },
                    };
                    state.set(next);
                }
                StateProj::Call { response } => {
                    return response
                        .poll(cx)
                        .map_ok(|response| response.map(ResponseBody::inner));
                }
                StateProj::CallSealed { response, place } => {
                    return response.poll(cx).map_ok(|mut response| {
                        place.seal(response.headers_mut());
                        response.map(ResponseBody::inner)
                    });
                }
            }
        }
    }
}

impl<S, ReqBody, U> fmt::Debug for ResponseFuture<S, ReqBody, U>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
