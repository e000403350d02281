use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;
use pin_project_lite::pin_project;

use crate::wire::ResponseBody;

/// The response of an [`Endpoint`](super::Endpoint) or a [`Document`](super::Document).
///
/// It is boxed: beside a password hash the allocation does not count.
pub struct ResponseFuture {
    answer: BoxFuture<'static, Response<Bytes>>,
}

impl ResponseFuture {
    pub(super) fn new(answer: impl Future<Output = Response<Bytes>> + Send + 'static) -> Self {
        Self {
            answer: Box::pin(answer),
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer
            .as_mut()
            .poll(cx)
            .map(|response| Ok(ResponseBody::wrap_own(response)))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a [`EndpointRoute`](super::TokenRoute).
    #[derive(Debug)]
    pub struct RouteFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Endpoint { answer: ResponseFuture },
        Inner { #[pin] response: F },
    }
}

impl<F> RouteFuture<F> {
    pub(super) fn endpoint(answer: ResponseFuture) -> Self {
        Self {
            state: State::Endpoint { answer },
        }
    }

    pub(super) fn inner(response: F) -> Self {
        Self {
            state: State::Inner { response },
        }
    }
}

impl<F, ResBody, E> Future for RouteFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Endpoint { answer } => {
                let response = ready!(answer.answer.as_mut().poll(cx));
                Poll::Ready(Ok(ResponseBody::wrap_own(response)))
            }
            StateProj::Inner { response } => response
                .poll(cx)
                .map_ok(|response| response.map(ResponseBody::inner)),
        }
    }
}
