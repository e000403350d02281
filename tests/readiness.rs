//! The `poll_ready` contract of Tower: only a service that said it is ready is called.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer};
use tower_oauth2_password::{
    Authenticated, BearerLayer,
    bearer::{Rejection, Validate},
    model::{BearerToken, Session, Subject},
};

use crate::support::{FORM, LOGIN, NOON, User, flow, log_in};

type Body = Full<bytes::Bytes>;

/// A service whose clone is not ready, as Tower allows, and that refuses to be called so.
struct Picky {
    ready: bool,
}

impl Picky {
    fn new() -> Self {
        Self { ready: false }
    }
}

impl Clone for Picky {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Service<Request<Body>> for Picky {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Body>) -> Self::Future {
        assert!(self.ready, "called without having been ready");
        self.ready = false;
        ready(Ok(Response::new(Body::default())))
    }
}

/// Lets everybody in, but not at once: the request waits with its service.
#[derive(Clone)]
struct Slow;

impl Validate for Slow {
    type User = User;

    async fn validate(&self, _token: BearerToken<'_>) -> Result<Authenticated<User>, Rejection> {
        tokio::task::yield_now().await;
        let subject = Subject::new("meera").unwrap();
        let session = Session::new(subject, NOON, NOON);
        Ok(Authenticated::new(Arc::new(User::new("Meera")), session))
    }
}

fn with_token(token: &str) -> Request<Body> {
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    request.body(Body::default()).unwrap()
}

fn login() -> Request<Body> {
    let request = Request::post("/token").header("content-type", FORM);
    request.body(Body::from(LOGIN)).unwrap()
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_when_the_token_is_judged_at_once() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let mut service = flow.bearer_layer().layer(Picky::new());
    for _ in 0..3 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(with_token(&token))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_when_the_validator_has_to_wait() {
    let mut service = BearerLayer::new(Slow).layer(Picky::new());
    for _ in 0..3 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(with_token("abc"))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_behind_the_token_layer_and_the_scope_guard() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let mut service = ServiceBuilder::new()
        .layer(flow.token_layer("/token").unwrap())
        .layer(flow.bearer_layer())
        .layer(flow.require_scope("me".parse().unwrap()))
        .service(Picky::new());
    for _ in 0..3 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(with_token(&token))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let response = service.ready().await.unwrap().call(login()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

/// Row 1 of `mistakes.rs`: a layer that calls a fresh clone panics here with
/// "max requests in-flight; `poll_ready` must be called first".
#[tokio::test]
async fn a_concurrency_limit_inside_is_respected_and_given_back() {
    let mut service = ServiceBuilder::new()
        .layer(BearerLayer::new(Slow))
        .concurrency_limit(1)
        .service(Picky::new());
    let first = service.ready().await.unwrap().call(with_token("abc"));

    // The only permit went with the first request.
    let second = tokio::time::timeout(Duration::from_millis(20), service.ready()).await;
    assert!(second.is_err(), "two requests under a limit of one");

    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    let second = service.ready().await.unwrap().call(with_token("abc"));
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
}

/// A client that goes away while the validator thinks takes no permit with it.
#[tokio::test]
async fn a_dropped_request_gives_its_permit_back() {
    let mut service = ServiceBuilder::new()
        .layer(BearerLayer::new(Slow))
        .concurrency_limit(1)
        .service(Picky::new());
    drop(service.ready().await.unwrap().call(with_token("abc")));
    let next = tokio::time::timeout(Duration::from_secs(5), service.ready()).await;
    let response = next
        .expect("the permit is lost")
        .unwrap()
        .call(with_token("abc"))
        .await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_buffer_inside_and_outside_serves_many_requests() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let inside = Buffer::new(Picky::new(), 1);
    let service = ServiceBuilder::new()
        .layer(flow.token_layer("/token").unwrap())
        .layer(flow.bearer_layer())
        .service(inside);
    let service = Buffer::new(service, 1);
    let requests = (0..20).map(|_| service.clone().oneshot(with_token(&token)));
    for response in futures_util::future::join_all(requests).await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    let response = service.oneshot(login()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}
