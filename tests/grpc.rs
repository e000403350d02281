//! Refusals in the dialect of gRPC: trailers-only, as measured with grpcio and grpc-js.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_oauth2_password::{
    BearerLayer,
    bearer::{Rejection, validate_fn},
    model::AccessToken,
    store::StoreError,
};

use crate::support::{Answer, User, flow, log_in, send};

type Body = Full<Bytes>;

async fn unreachable(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    panic!("the handler saw a refused request")
}

fn call(media: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::post("/demo.WhoAmI/Ask").header("content-type", media);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::default()).unwrap()
}

/// gRPC clients take the status from the header fields only if the body is empty.
fn is_refusal(answer: &Answer, grpc_status: &str, message: &str) {
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/grpc"));
    assert_eq!(answer.header("grpc-status"), Some(grpc_status));
    assert_eq!(answer.header("grpc-message"), Some(message));
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn a_bad_token_is_unauthenticated_and_the_challenge_is_metadata() {
    let (flow, _clock) = flow();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    let answer = send(service, call("application/grpc", Some("unknown"))).await;
    is_refusal(&answer, "16", "the access token is invalid or expired");
    let challenge = r#"Bearer realm="api", error="invalid_token""#;
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
}

/// HTTP 400 would become INTERNAL at a gRPC client.
#[tokio::test]
async fn a_missing_and_a_malformed_token_are_unauthenticated() {
    let (flow, _clock) = flow();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    let missing = send(service.clone(), call("application/grpc+proto", None)).await;
    is_refusal(&missing, "16", "a bearer token is needed");
    let malformed = send(service, call("application/grpc;x=y", Some("a b"))).await;
    is_refusal(&malformed, "16", "the bearer credentials are malformed");
}

#[tokio::test]
async fn too_little_scope_is_permission_denied() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let guard = flow.require_scope("admin".parse().unwrap());
    let service = flow
        .bearer_layer()
        .layer(guard.layer(service_fn(unreachable)));
    let answer = send(service, call("application/grpc", Some(&token))).await;
    is_refusal(&answer, "7", "the access token does not allow this");
    let challenge = r#"Bearer realm="api", error="insufficient_scope", scope="admin""#;
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn a_failing_store_is_unavailable() {
    let layer = BearerLayer::new(validate_fn(|_: AccessToken| async {
        Err::<tower_oauth2_password::Authenticated<User>, _>(Rejection::Unchecked(StoreError::new(
            "down",
        )))
    }));
    let service = layer.layer(service_fn(unreachable));
    let answer = send(service, call("application/grpc", Some("abc"))).await;
    is_refusal(
        &answer,
        "14",
        "the access token could not be checked, try again later",
    );
    assert_eq!(answer.header("www-authenticate"), None);
}

#[tokio::test]
async fn a_guard_without_a_layer_is_internal() {
    let (flow, _clock) = flow();
    let service = flow
        .require_scope("me".parse().unwrap())
        .layer(service_fn(unreachable));
    let answer = send(service, call("application/grpc", None)).await;
    is_refusal(&answer, "13", "the server is set up wrongly");
}

/// `END_STREAM` belongs on the header frame: the body has to say that it is over at once.
#[tokio::test]
async fn a_refusal_ends_with_its_headers() {
    let (flow, _clock) = flow();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    let response = service
        .oneshot(call("application/grpc", None))
        .await
        .unwrap();
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn grpc_web_is_answered_in_its_own_media_type() {
    let (flow, _clock) = flow();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    let answer = send(service, call("application/grpc-web+proto", None)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        Some("application/grpc-web+proto")
    );
    assert_eq!(answer.header("grpc-status"), Some("16"));
}

/// A JSON body beside the status makes UNKNOWN or INTERNAL of it at the client.
#[tokio::test]
async fn the_body_hook_does_not_touch_a_grpc_refusal() {
    let (flow, _clock) = flow();
    let layer = flow.bearer_layer().with_body(|_, response| {
        *response.body_mut() = Bytes::from("{}");
    });
    let service = layer.layer(service_fn(unreachable));
    let answer = send(service, call("application/grpc", None)).await;
    is_refusal(&answer, "16", "a bearer token is needed");
}

/// Row 29 of `mistakes.rs` the other way round: what is no gRPC gets no gRPC.
#[tokio::test]
async fn another_media_type_is_answered_in_http() {
    let (flow, _clock) = flow();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    for media in [
        "application/json",
        "text/application/grpc",
        "application/graphql",
    ] {
        let answer = send(service.clone(), call(media, None)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{media}");
        assert_eq!(answer.header("grpc-status"), None);
    }
}
