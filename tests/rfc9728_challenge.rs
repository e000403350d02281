//! RFC 9728 §5.1: `resource_metadata` in each challenge of a guarded service, read back by another
//! parser.

use std::{collections::HashMap, convert::Infallible};

use axum::{Router, routing::get};
use http::{Request, Response};
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    Authenticated, BearerLayer, RequireScope,
    bearer::{Rejection, validate_fn},
    model::{AccessToken, PublicUrl},
};

use crate::support::{Answer, Flow, User, documents::Body, flow, log_in, send};

const URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/v1";

fn flow_with_metadata() -> Flow {
    let (flow, _clock) = flow();
    let metadata = flow.resource_metadata("https://api.example.com/v1".parse().unwrap());
    flow.with_resource_metadata(metadata.url())
}

async fn unreachable(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    panic!("the handler saw a refused request")
}

fn request(authorization: Option<&str>) -> Request<Body> {
    let mut request = Request::get("/v1");
    if let Some(field) = authorization {
        request = request.header("authorization", field);
    }
    request.body(Body::default()).unwrap()
}

/// The parameters of the one challenge, as another parser reads them.
#[track_caller]
fn parameters(answer: &Answer) -> HashMap<String, String> {
    let field = answer.header("www-authenticate").expect("no challenge");
    let challenges = http_auth::parse_challenges(field).unwrap();
    assert_eq!(challenges.len(), 1);
    assert_eq!(challenges[0].scheme, "Bearer");
    let read = challenges[0].params.iter();
    let read: HashMap<_, _> = read
        .map(|(name, value)| ((*name).to_owned(), value.to_unescaped()))
        .collect();
    assert_eq!(read.len(), challenges[0].params.len(), "a parameter twice");
    read
}

/// Asserts status and parameters of a refusal.
#[track_caller]
fn refused(answer: &Answer, status: u16, expected: &[(&str, &str)]) {
    assert_eq!(answer.status.as_u16(), status);
    let expected = expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    assert_eq!(parameters(answer), expected.collect());
}

/// §5.1 and RFC 6750 §3.1: no token, a bad one, a malformed one.
#[tokio::test]
async fn every_challenge_of_the_bearer_layer_names_the_document() {
    let flow = flow_with_metadata();
    let service = flow.bearer_layer().layer(service_fn(unreachable));
    let answer = send(service.clone(), request(None)).await;
    refused(
        &answer,
        401,
        &[("realm", "api"), ("resource_metadata", URL)],
    );
    assert_eq!(
        answer.header("www-authenticate").unwrap(),
        format!(r#"Bearer realm="api", resource_metadata="{URL}""#)
    );
    for (field, status, code) in [
        ("Bearer unknown", 401, "invalid_token"),
        ("Bearer a b", 400, "invalid_request"),
    ] {
        let answer = send(service.clone(), request(Some(field))).await;
        let expected = [
            ("realm", "api"),
            ("error", code),
            ("resource_metadata", URL),
        ];
        refused(&answer, status, &expected);
    }
}

/// §5.1 and RFC 6750 §3.1: too little scope, with the scope that was needed.
#[tokio::test]
async fn the_challenge_of_a_scope_guard_names_the_document() {
    let flow = flow_with_metadata();
    let token = log_in(&flow).await;
    let guard = flow.require_scope("admin audit".parse().unwrap());
    let service = flow
        .bearer_layer()
        .with_optional()
        .layer(guard.layer(service_fn(unreachable)));
    let answer = send(service.clone(), request(Some(&format!("Bearer {token}")))).await;
    let expected = [
        ("realm", "api"),
        ("error", "insufficient_scope"),
        ("scope", "admin audit"),
        ("resource_metadata", URL),
    ];
    refused(&answer, 403, &expected);

    let anonymous = send(service, request(None)).await;
    refused(
        &anonymous,
        401,
        &[("realm", "api"), ("resource_metadata", URL)],
    );
}

/// The extractor takes over what the layer in front of it would have said.
#[tokio::test]
async fn the_challenge_of_an_extractor_names_the_document() {
    let flow = flow_with_metadata();
    let app = Router::new()
        .route(
            "/v1",
            get(async |user: Authenticated<User>| user.name.clone()),
        )
        .layer(flow.bearer_layer().with_optional());
    let answer = send(app, request(None).map(axum::body::Body::new)).await;
    refused(
        &answer,
        401,
        &[("realm", "api"), ("resource_metadata", URL)],
    );
}

/// In gRPC the challenge is metadata of the refusal.
#[tokio::test]
async fn a_grpc_refusal_names_the_document_in_its_metadata() {
    let flow = flow_with_metadata();
    let token = log_in(&flow).await;
    let guard = flow.require_scope("admin".parse().unwrap());
    let service = flow
        .bearer_layer()
        .layer(guard.layer(service_fn(unreachable)));
    let good = format!("Bearer {token}");
    for (field, status, code) in [
        (None, "16", None),
        (Some("Bearer unknown"), "16", Some("invalid_token")),
        (Some(&*good), "7", Some("insufficient_scope")),
    ] {
        let mut request = request(field);
        let media = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", media);
        let answer = send(service.clone(), request).await;
        assert_eq!(answer.header("grpc-status"), Some(status));
        let read = parameters(&answer);
        assert_eq!(read.get("resource_metadata").map(String::as_str), Some(URL));
        assert_eq!(read.get("error").map(String::as_str), code);
    }
}

/// What no body hook can lose.
#[tokio::test]
async fn a_body_hook_does_not_lose_the_document() {
    let flow = flow_with_metadata();
    let layer = flow.bearer_layer().with_body(|_, response| {
        response.headers_mut().clear();
    });
    let answer = send(layer.layer(service_fn(unreachable)), request(None)).await;
    refused(
        &answer,
        401,
        &[("realm", "api"), ("resource_metadata", URL)],
    );
}

/// Layers that are put together by hand name the document too.
#[tokio::test]
async fn layers_without_a_flow_name_the_document() {
    let url = || URL.parse::<PublicUrl>().unwrap();
    let validator =
        validate_fn(|_: AccessToken| async { Err::<Authenticated<User>, _>(Rejection::Invalid) });
    let layer = BearerLayer::new(validator)
        .with_optional()
        .with_resource_metadata(url());
    let guard = RequireScope::<User>::new("me".parse().unwrap()).with_resource_metadata(url());
    let service = layer.layer(guard.layer(service_fn(unreachable)));
    for field in [None, Some("Bearer unknown")] {
        let answer = send(service.clone(), request(field)).await;
        assert_eq!(answer.status.as_u16(), 401);
        assert_eq!(parameters(&answer)["resource_metadata"], URL);
    }
}

/// A URL that nobody set is not made up.
#[tokio::test]
async fn by_default_no_challenge_names_a_document() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let guard = flow.require_scope("admin".parse().unwrap());
    let service = flow
        .bearer_layer()
        .layer(guard.layer(service_fn(unreachable)));
    let good = format!("Bearer {token}");
    for field in [
        None,
        Some("Bearer unknown"),
        Some("Bearer a b"),
        Some(&*good),
    ] {
        let answer = send(service.clone(), request(field)).await;
        assert!(!parameters(&answer).contains_key("resource_metadata"));
    }
}

/// RFC 9110 §11.6.1: a response that refuses nobody for lack of credentials has no challenge.
#[tokio::test]
async fn a_response_of_the_handler_gets_no_challenge() {
    let flow = flow_with_metadata();
    let token = log_in(&flow).await;
    let handler = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("orders")))
    });
    let service = flow.bearer_layer().layer(handler);
    let answer = send(service, request(Some(&format!("Bearer {token}")))).await;
    assert_eq!(answer.fields(), []);
    assert_eq!(answer.body, "orders");
}
