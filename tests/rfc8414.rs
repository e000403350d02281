//! RFC 8414: what clients find out about the token endpoint, one test per requirement.

use std::convert::Infallible;

use axum::{Router, routing::get_service};
use http::{Method, Request, Response, StatusCode};
use serde_json::json;
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    MemoryClients,
    model::PublicUrl,
    token::{Document, EndpointPath, PathError, Refresh},
};

use crate::support::{
    Flow,
    documents::{Body, ask, expect_document, read},
    flow, send,
};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

fn issuer() -> PublicUrl {
    "https://api.example.com".parse().unwrap()
}

fn path(path: &str) -> EndpointPath {
    EndpointPath::new(path).unwrap()
}

fn document(flow: &Flow) -> Document {
    flow.server_metadata(issuer(), "/token").unwrap().document()
}

/// §2: `issuer`, `token_endpoint` and `response_types_supported` are REQUIRED;
/// `grant_types_supported` and the methods of authentication are stated, as their defaults would
/// be false. §3.2: what has no elements MUST be omitted.
#[tokio::test]
async fn a_plain_flow_offers_the_password_grant_to_any_client() {
    assert_eq!(
        read(&document(&flow().0)).await,
        json!({
            "issuer": "https://api.example.com",
            "token_endpoint": "https://api.example.com/token",
            "response_types_supported": ["none"],
            "grant_types_supported": ["password"],
            "token_endpoint_auth_methods_supported": ["none"],
        })
    );
}

/// §2: `grant_types_supported` lists what the endpoint takes, and nothing else.
#[tokio::test]
async fn the_refresh_grant_is_listed_where_it_is_offered() {
    let flow = flow().0.with_refresh(Refresh::default());
    assert_eq!(
        read(&document(&flow)).await,
        json!({
            "issuer": "https://api.example.com",
            "token_endpoint": "https://api.example.com/token",
            "response_types_supported": ["none"],
            "grant_types_supported": ["password", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
        })
    );
}

/// §2: the methods by which a client can authenticate; `none` is for public ones.
#[tokio::test]
async fn a_flow_with_clients_lists_how_they_authenticate() {
    let flow = flow().0.with_clients(MemoryClients::default());
    assert_eq!(
        read(&document(&flow)).await,
        json!({
            "issuer": "https://api.example.com",
            "token_endpoint": "https://api.example.com/token",
            "response_types_supported": ["none"],
            "grant_types_supported": ["password"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
        })
    );
}

/// §2: the other endpoints with the methods of their own; introspection is for clients that can
/// prove who they are (RFC 7662 §2.1), so `none` is not among them.
#[tokio::test]
async fn all_endpoints_and_scopes_are_listed_where_there_are_any() {
    let flow = flow()
        .0
        .with_refresh(Refresh::default())
        .with_clients(MemoryClients::default());
    let metadata = flow
        .server_metadata(issuer(), "/oauth2/token")
        .unwrap()
        .with_revocation(path("/oauth2/revoke"))
        .with_introspection(path("/oauth2/introspect"))
        .with_scopes("me items:read".parse().unwrap());
    assert_eq!(
        read(&metadata.document()).await,
        json!({
            "issuer": "https://api.example.com",
            "token_endpoint": "https://api.example.com/oauth2/token",
            "response_types_supported": ["none"],
            "grant_types_supported": ["password", "refresh_token"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
            "revocation_endpoint": "https://api.example.com/oauth2/revoke",
            "revocation_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "none"],
            "introspection_endpoint": "https://api.example.com/oauth2/introspect",
            "introspection_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["items:read", "me"],
        })
    );
}

/// §2: without clients, whoever has a token may revoke it.
#[tokio::test]
async fn revocation_without_clients_needs_no_authentication() {
    let metadata = flow().0.server_metadata(issuer(), "/token").unwrap();
    let json = read(&metadata.with_revocation(path("/revoke")).document()).await;
    assert_eq!(
        json["revocation_endpoint"],
        "https://api.example.com/revoke"
    );
    assert_eq!(
        json["revocation_endpoint_auth_methods_supported"],
        json!(["none"])
    );
    assert_eq!(json.as_object().unwrap().len(), 7);
}

/// §3.3: `issuer` MUST be identical to the issuer identifier, to the letter. §3.1: the well-known
/// path goes between host and path, and a slash at the end MUST be removed first. Endpoints stay
/// on the issuer's host and port.
#[tokio::test]
async fn the_path_of_the_issuer_goes_behind_the_well_known_one() {
    for (issuer, suffix) in [
        ("https://example.com", ""),
        ("https://example.com/", ""),
        ("https://example.com/orders", "/orders"),
        ("https://example.com/orders/", "/orders"),
        ("https://example.com:8443/a/b", "/a/b"),
        ("https://[2001:db8::1]:8443/a", "/a"),
        ("http://localhost:8000/a%20b/", "/a%20b"),
    ] {
        let metadata = flow()
            .0
            .server_metadata(issuer.parse().unwrap(), "/token")
            .unwrap();
        let document = metadata.document();
        assert_eq!(document.path().as_str(), format!("{WELL_KNOWN}{suffix}"));
        let json = read(&document).await;
        assert_eq!(json["issuer"], issuer);
        let below = issuer.trim_end_matches('/');
        assert_eq!(json["token_endpoint"], format!("{below}/token"));
    }
}

/// A token path that cannot be one is refused when the flow is set up.
#[test]
fn a_token_path_that_is_none_is_an_error() {
    for bad in [
        "",
        "token",
        "https://example.com/token",
        "/token?a=b",
        "/token#a",
    ] {
        let metadata = flow().0.server_metadata(issuer(), bad);
        assert_eq!(metadata.err(), Some(PathError), "{bad:?}");
    }
}

/// §3.1 and §3.2: queried by `GET`, answered by 200 `application/json`. RFC 9110 §9.3.2: `HEAD` is
/// `GET` without the body, and §8.6: its `Content-Length`, if any, is that of `GET`.
#[tokio::test]
async fn the_document_answers_get_and_head() {
    let document = document(&flow().0);
    let get = send(document.clone(), ask(Method::GET, WELL_KNOWN)).await;
    expect_document(&get);
    let head = send(document, ask(Method::HEAD, WELL_KNOWN)).await;
    assert_eq!(head.status, StatusCode::OK);
    let length = get.body.len().to_string();
    assert_eq!(
        head.fields(),
        [
            ("content-length", &*length),
            ("content-type", "application/json"),
        ]
    );
    assert_eq!(head.body, "");
}

/// RFC 9110 §8.6: behind a router that counts the bytes of a body by itself, `HEAD` must not say
/// that the document has none.
#[tokio::test]
async fn a_router_tells_head_the_length_that_it_tells_get() {
    let app = Router::new().route(WELL_KNOWN, get_service(document(&flow().0)));
    let get = send(
        app.clone(),
        ask(Method::GET, WELL_KNOWN).map(axum::body::Body::new),
    )
    .await;
    let head = send(
        app,
        ask(Method::HEAD, WELL_KNOWN).map(axum::body::Body::new),
    )
    .await;
    assert_eq!(
        get.header("content-length"),
        Some(&*get.body.len().to_string())
    );
    assert_eq!(head.fields(), get.fields());
    assert_eq!(head.body, "");
}

/// RFC 9110 §15.5.6: another method gets 405, and `Allow` names those that there are.
#[tokio::test]
async fn the_document_takes_no_other_method() {
    let service = document(&flow().0);
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get",
    ] {
        let request = ask(method.parse().unwrap(), WELL_KNOWN);
        let answer = send(service.clone(), request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.fields(), [("allow", "GET, HEAD")]);
        assert_eq!(answer.body, "");
    }
}

/// RFC 9700 §2.6 and mistakes of the field: who sends a request chooses its `Host`, so the
/// document is never made of it.
#[tokio::test]
async fn no_field_of_a_request_changes_the_document() {
    let service = document(&flow().0);
    let expected = send(service.clone(), ask(Method::GET, WELL_KNOWN))
        .await
        .body;
    let evil = format!("http://evil.example{WELL_KNOWN}?issuer=evil");
    let mut request = ask(Method::GET, &evil);
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
        ("accept", "text/html"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = send(service, request).await;
    expect_document(&answer);
    assert_eq!(answer.body, expected);
}

/// As a layer the document answers on its path, its refusals too, and on no other.
#[tokio::test]
async fn as_a_layer_the_document_leaves_other_paths_to_the_inner_service() {
    let inner = service_fn(async |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        Ok::<_, Infallible>(Response::new(Body::from(path)))
    });
    let issuer = "https://example.com/orders".parse().unwrap();
    let metadata = flow().0.server_metadata(issuer, "/token").unwrap();
    let document = metadata.document();
    let service = document.layer().layer(inner);

    let own = format!("{WELL_KNOWN}/orders");
    let answer = send(service.clone(), ask(Method::GET, &own)).await;
    expect_document(&answer);
    assert_eq!(answer.json, read(&document).await);
    let refused = send(service.clone(), ask(Method::POST, &own)).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);

    for path in [
        "/",
        WELL_KNOWN,
        "/orders",
        "/orders/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/orders/",
        "/.well-known/oauth-authorization-server/order",
        "/.well-known/openid-configuration",
    ] {
        let answer = send(service.clone(), ask(Method::GET, path)).await;
        assert_eq!(answer.body, path);
    }
}
