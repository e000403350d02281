//! The service `demo.WhoAmI`, in the shape of what `tonic-prost-build` makes of:
//!
//! ```proto
//! syntax = "proto3";
//! package demo;
//! service WhoAmI { rpc Ask(Question) returns (Answer); }
//! message Question {}
//! message Answer { string name = 1; string scope = 2; }
//! ```
//!
//! Written by hand, so that the example builds without `protoc`.

use std::{
    convert::Infallible,
    error::Error as StdError,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request as HttpRequest, Response as HttpResponse, uri::PathAndQuery};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    client,
    codegen::BoxFuture,
    server::{self, NamedService, UnaryService},
    transport::Channel,
};
use tonic_prost::ProstCodec;
use tower::Service;

const ASK: &str = "/demo.WhoAmI/Ask";

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Question {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Answer {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub scope: String,
}

/// What the application implements.
pub(crate) trait WhoAmI: Send + Sync + 'static {
    fn ask(
        &self,
        request: Request<Question>,
    ) -> impl Future<Output = Result<Response<Answer>, Status>> + Send;
}

/// Serves a [`WhoAmI`].
pub(crate) struct WhoAmIServer<T> {
    inner: Arc<T>,
}

impl<T> WhoAmIServer<T> {
    pub(crate) fn new(inner: T) -> Self {
        let inner = Arc::new(inner);
        Self { inner }
    }
}

impl<T> Clone for WhoAmIServer<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T> NamedService for WhoAmIServer<T> {
    const NAME: &'static str = "demo.WhoAmI";
}

impl<T, B> Service<HttpRequest<B>> for WhoAmIServer<T>
where
    T: WhoAmI,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>> + Send + 'static,
{
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let method = Ask(Arc::clone(&self.inner));
        Box::pin(async move {
            if request.uri().path() != ASK {
                return Ok(Status::new(Code::Unimplemented, "").into_http());
            }
            Ok(server::Grpc::new(ProstCodec::default())
                .unary(method, request)
                .await)
        })
    }
}

struct Ask<T>(Arc<T>);

impl<T: WhoAmI> UnaryService<Question> for Ask<T> {
    type Response = Answer;
    type Future = BoxFuture<Response<Answer>, Status>;

    fn call(&mut self, request: Request<Question>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.ask(request).await })
    }
}

/// Calls a [`WhoAmI`] elsewhere.
pub(crate) struct WhoAmIClient {
    inner: client::Grpc<Channel>,
}

impl WhoAmIClient {
    pub(crate) fn new(channel: Channel) -> Self {
        let inner = client::Grpc::new(channel);
        Self { inner }
    }

    pub(crate) async fn ask(
        &mut self,
        request: Request<Question>,
    ) -> Result<Response<Answer>, Status> {
        let ready = self.inner.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(ASK);
        self.inner.unary(request, path, ProstCodec::default()).await
    }
}
