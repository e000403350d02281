//! The token endpoint in front of a service: one path is its own, all else goes through.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_oauth2_password::token::{EndpointPath, PathError};

use crate::support::{LOGIN, flow, send, token_request};

const BOTH: Option<&str> = Some("items:read me");

type Form = Request<Full<Bytes>>;

/// RFC 6749 §3.2: the token endpoint is one path; all else is the inner service's.
#[tokio::test]
async fn every_other_path_belongs_to_the_inner_service() {
    let inner = service_fn(
        async |request: Form| -> Result<Response<Full<Bytes>>, Infallible> {
            let path = request.uri().path().to_owned();
            let mut response = Response::new(Full::from(path));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            Ok(response)
        },
    );
    let service = flow().0.token_layer("/token").unwrap().layer(inner);
    for path in [
        "/token/", "/tokens", "/", "/TOKEN", "//token", "/a/token", "/%74oken",
    ] {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = path.parse().unwrap();

        let answer = send(service.clone(), request).await;

        assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
        assert_eq!(answer.body, path);
        assert_eq!(answer.fields(), []);
    }
}

/// RFC 6749 §3.2: on its own path the endpoint answers everything, refusals included.
#[tokio::test]
async fn the_inner_service_never_sees_the_token_path() {
    let inner = service_fn(
        async |_: Form| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("the inner service saw a token request")
        },
    );
    let service = flow().0.token_layer("/token").unwrap().layer(inner);

    send(service.clone(), token_request(LOGIN))
        .await
        .expect_token(BOTH);
    let answer = send(service.clone(), token_request("")).await;
    answer.expect_error(400, "invalid_request", "grant_type is missing");
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
        let mut request = token_request(LOGIN);
        *request.method_mut() = method;
        let answer = send(service.clone(), request).await;
        answer.expect_error(405, "invalid_request", "a token request is a POST");
    }
}

/// What the inner service fails with is passed on as it is.
#[tokio::test]
async fn an_error_of_the_inner_service_is_passed_on() {
    let inner = service_fn(async |_: Form| Err::<Response<Full<Bytes>>, _>("broken"));
    let service = flow().0.token_layer("/token").unwrap().layer(inner);
    let mut request = token_request(LOGIN);
    *request.uri_mut() = "/".parse().unwrap();
    assert_eq!(service.oneshot(request).await.unwrap_err(), "broken");
}

/// A service that may be called once per `poll_ready`, and whose clones are not ready.
#[derive(Default)]
struct Picky {
    ready: bool,
}

impl Clone for Picky {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Form> for Picky {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Form) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        ready(Ok(Response::default()))
    }
}

/// Tower's contract: `call` goes to the service that said it was ready.
#[tokio::test]
async fn the_inner_service_is_ready_when_it_is_called() {
    let mut service = flow()
        .0
        .token_layer("/token")
        .unwrap()
        .layer(Picky::default());
    for path in ["/", "/token", "/", "/"] {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = path.parse().unwrap();
        let Ok(ready) = ServiceExt::<Form>::ready(&mut service).await;
        let Ok(response) = ready.call(request).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

/// RFC 6749 §3.2: the endpoint's URI has no fragment; and a path that no request can have would
/// never be found.
#[test]
fn a_token_path_is_absolute_without_query_and_fragment() {
    for bad in [
        "",
        "token",
        "?",
        "*",
        "/token?",
        "/token?a=b",
        "/token#",
        "/token#top",
        "/to ken",
        "/token\n",
        "https://api.example/token",
        " /token",
        "/token ",
    ] {
        assert_eq!(EndpointPath::new(bad), Err(PathError), "{bad:?}");
        assert_eq!(flow().0.token_layer(bad).err(), Some(PathError), "{bad:?}");
    }
    for good in ["/", "/token", "/token/", "/oauth2/token", "/%74oken"] {
        assert_eq!(EndpointPath::new(good).err(), None, "{good:?}");
        assert_eq!(flow().0.token_layer(good).err(), None, "{good:?}");
    }
}

/// Tower's contract for the whole stack: `call` goes to the service that said it was ready.
#[tokio::test]
async fn the_inner_service_is_ready_behind_every_layer() {
    let flow = flow().0;
    let metadata = flow.server_metadata("https://example.com".parse().unwrap(), "/token");
    let document = metadata.unwrap().document();
    let well_known = document.path().as_str();
    let mut service = ServiceBuilder::new()
        .layer(flow.token_layer("/token").unwrap())
        .layer(flow.revocation_layer("/revoke").unwrap())
        .layer(flow.introspection_layer("/introspect").unwrap())
        .layer(document.layer())
        .service(Picky::default());
    for path in [
        "/",
        "/token",
        "/revoke",
        "/",
        "/introspect",
        well_known,
        "/",
        "/",
    ] {
        let mut request = token_request(LOGIN);
        *request.uri_mut() = path.parse().unwrap();
        let Ok(ready) = ServiceExt::<Form>::ready(&mut service).await;
        let Ok(response) = ready.call(request).await;
        assert_eq!(
            response.status() == StatusCode::OK,
            path == "/" || path == "/token",
            "{path}"
        );
    }
}
