//! RFC 9728: what clients find out about the protected resource, one test per requirement.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use serde_json::json;
use tower::{ServiceBuilder, service_fn};
use tower_oauth2_password::token::ResourceMetadata;

use crate::support::{
    LOGIN,
    documents::{Body, ask, expect_document, read},
    flow, send, token_request,
};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn metadata(resource: &str) -> ResourceMetadata {
    ResourceMetadata::new(resource.parse().unwrap())
}

/// §2: `resource` is REQUIRED, the rest is optional. §3.2: what has no elements MUST be omitted.
#[tokio::test]
async fn a_document_has_the_resource_and_how_it_takes_tokens() {
    assert_eq!(
        read(&metadata("https://api.example.com").document()).await,
        json!({
            "resource": "https://api.example.com",
            "bearer_methods_supported": ["header"],
        })
    );
}

/// §2: all members that can be set.
#[tokio::test]
async fn a_document_has_all_that_it_was_given() {
    let metadata = metadata("https://api.example.com")
        .with_authorization_server("https://login.example.com".parse().unwrap())
        .with_authorization_server("https://login.example.com/eu/".parse().unwrap())
        .with_scopes("me items:read".parse().unwrap())
        .with_name("Müller's \"Orders\"");
    assert_eq!(
        read(&metadata.document()).await,
        json!({
            "resource": "https://api.example.com",
            "authorization_servers":
                ["https://login.example.com", "https://login.example.com/eu/"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["items:read", "me"],
            "resource_name": "Müller's \"Orders\"",
        })
    );
}

/// A flow that logs its own users in is its own authorization server (RFC 9728 §2), by the issuer
/// identifier that its other document has (RFC 8414 §2).
#[tokio::test]
async fn a_flow_names_itself_as_the_authorization_server() {
    let (flow, _clock) = flow();
    let url = "https://api.example.com/v1".parse().unwrap();
    let resource = read(&flow.resource_metadata(url).document()).await;
    assert_eq!(
        resource,
        json!({
            "resource": "https://api.example.com/v1",
            "authorization_servers": ["https://api.example.com/v1"],
            "bearer_methods_supported": ["header"],
        })
    );
    let issuer = "https://api.example.com/v1".parse().unwrap();
    let server = flow.server_metadata(issuer, "/token").unwrap();
    let server = read(&server.document()).await;
    assert_eq!(resource["authorization_servers"][0], server["issuer"]);
}

/// §3.3: `resource` MUST be identical to what the client used, to the letter. §3.1: the well-known
/// path goes between host and path; a slash at the end is removed first.
#[tokio::test]
async fn the_path_of_the_resource_goes_behind_the_well_known_one() {
    for (resource, url) in [
        (
            "https://example.com",
            "https://example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://example.com/",
            "https://example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://example.com/a/b",
            "https://example.com/.well-known/oauth-protected-resource/a/b",
        ),
        (
            "https://example.com/a/b/",
            "https://example.com/.well-known/oauth-protected-resource/a/b",
        ),
        (
            "https://[2001:db8::1]:8443/a",
            "https://[2001:db8::1]:8443/.well-known/oauth-protected-resource/a",
        ),
        (
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000/.well-known/oauth-protected-resource",
        ),
    ] {
        let metadata = metadata(resource);
        assert_eq!(metadata.url().as_str(), url);
        let document = metadata.document();
        assert!(url.ends_with(document.path().as_str()));
        assert!(document.path().as_str().starts_with(WELL_KNOWN));
        assert_eq!(read(&document).await["resource"], resource);
    }
}

/// §3.1 and §3.2: `GET` and 200 `application/json`; RFC 9110 §9.3.2 and §15.5.6 for the rest.
#[tokio::test]
async fn the_document_answers_get_and_head_only() {
    let service = metadata("https://api.example.com").document();
    let get = send(service.clone(), ask(Method::GET, WELL_KNOWN)).await;
    expect_document(&get);
    let head = send(service.clone(), ask(Method::HEAD, WELL_KNOWN)).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("content-type"), Some("application/json"));
    assert_eq!(head.body, "");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = send(service.clone(), ask(method, WELL_KNOWN)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.fields(), [("allow", "GET, HEAD")]);
    }
}

/// §7.3: a resource that an attacker chose would send tokens to them, so no field of a request
/// gets into the document.
#[tokio::test]
async fn no_field_of_a_request_changes_the_document() {
    let service = metadata("https://api.example.com").document();
    let expected = send(service.clone(), ask(Method::GET, WELL_KNOWN))
        .await
        .body;
    let mut request = ask(Method::GET, &format!("https://evil.example{WELL_KNOWN}"));
    for name in ["host", "x-forwarded-host"] {
        let evil = "evil.example".parse().unwrap();
        request.headers_mut().insert(name, evil);
    }
    assert_eq!(send(service, request).await.body, expected);
}

/// §5: a client that knows the resource's URL alone finds the way to a token: challenge, resource,
/// authorization server, token endpoint.
#[tokio::test]
async fn a_client_finds_the_token_endpoint_by_the_challenge_alone() {
    let (flow, _clock) = flow();
    let url = || "https://api.example.com/v1".parse().unwrap();
    let resource = flow.resource_metadata(url());
    let flow = flow.with_resource_metadata(resource.url());
    let server = flow.server_metadata(url(), "/token").unwrap();
    let handler = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("orders")))
    });
    let service = ServiceBuilder::new()
        .layer(resource.document().layer())
        .layer(server.document().layer())
        .layer(flow.token_layer("/v1/token").unwrap())
        .layer(flow.bearer_layer())
        .service(handler);

    let refused = send(service.clone(), ask(Method::GET, "/v1")).await;
    let challenge = refused.header("www-authenticate").unwrap();
    let challenge = &http_auth::parse_challenges(challenge).unwrap()[0];
    let (_, url) = challenge
        .params
        .iter()
        .find(|(name, _)| *name == "resource_metadata")
        .unwrap();
    let found = send(service.clone(), ask(Method::GET, &url.to_unescaped())).await;
    assert_eq!(found.json["resource"], "https://api.example.com/v1");
    let server = found.json["authorization_servers"][0].as_str().unwrap();
    // RFC 8414 §3.1.
    let (origin, path) = server.split_at("https://api.example.com".len());
    let url = format!("{origin}/.well-known/oauth-authorization-server{path}");
    let found = send(service.clone(), ask(Method::GET, &url)).await;
    assert_eq!(found.json["issuer"], server);

    let mut login = token_request(LOGIN);
    *login.uri_mut() = found.json["token_endpoint"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let answer = send(service.clone(), login).await;
    let token = answer.expect_token(Some("items:read me"));
    let mut request = ask(Method::GET, "/v1");
    let field = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", field);
    assert_eq!(send(service, request).await.body, "orders");
}
