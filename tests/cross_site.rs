//! Cross-site request forgery: which requests a cookie does not count in.

use std::sync::{Arc, Mutex};

use http::{Method, Request, StatusCode};
use tower_oauth2_password::{
    Authenticated, BearerLayer,
    bearer::{OriginCheck, Rejection, Validate, validate_fn},
    model::{AccessToken, Origin},
    observe::{Cause, Event},
};

use crate::support::{
    User,
    places::{
        Body, COOKIE, MISSING, ask, cookie_name, expect_meera, expect_refusal, request, waiting,
    },
};

const HOST: (&str, &str) = ("host", "api.example.com");

fn layer() -> BearerLayer<impl Validate<User = User>> {
    waiting().with_cookie(cookie_name())
}

/// With a good cookie.
fn with_cookie(method: Method, fields: &[(&str, &str)]) -> Request<Body> {
    let cookie = format!("{COOKIE}=Meera");
    let mut all = vec![HOST, ("cookie", &*cookie)];
    all.extend(fields);
    request(method, "/transfer", &all)
}

async fn passes(request: Request<Body>) -> bool {
    let answer = ask(&layer(), request).await;
    match answer.status {
        StatusCode::OK => expect_meera(&answer),
        _ => expect_refusal(&answer, 403, MISSING),
    }
    answer.status == StatusCode::OK
}

/// RFC 9110 §9.2.1. `SameSite` decides whether they have the cookie at all.
#[tokio::test]
async fn a_safe_request_needs_no_proof_of_its_origin() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        for fields in [&[][..], &[("sec-fetch-site", "cross-site")]] {
            assert!(passes(with_cookie(method.clone(), fields)).await);
        }
    }
}

#[tokio::test]
async fn another_request_has_to_come_from_a_page_of_the_same_origin() {
    let own = ("origin", "https://api.example.com");
    let evil = ("origin", "https://evil.example");
    let site = |site| ("sec-fetch-site", site);
    for (fields, expected) in [
        (&[site("same-origin")][..], true),
        (&[site("none")], true),
        // Whoever types an address has no page's origin, but that of a page here on a reload.
        (&[site("none"), own], true),
        (&[site("none"), evil], false),
        (&[site("none"), ("origin", "null")], false),
        (&[site("same-site")], false),
        (&[site("cross-site")], false),
        (&[site("Same-Origin")], false),
        (&[site("")], false),
        // The younger field is the surer one: `Origin` is `null` for a page without a referrer.
        (&[site("same-origin"), ("origin", "null")], true),
        (&[site("cross-site"), own], false),
        (&[site("same-origin"), site("same-origin")], false),
        (&[own], true),
        (&[("origin", "https://API.example.com")], false),
        (&[evil], false),
        (&[own, evil], false),
        (&[own, own], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        // A page that somebody in the network has changed.
        (&[("origin", "http://api.example.com")], false),
        (&[("origin", "https://api.example.com:8443")], false),
        (&[("origin", "https://api.example.com.evil.example")], false),
        (&[("origin", "https://evil.example/api.example.com")], false),
        (&[("origin", "https://evil.example@api.example.com")], false),
        (&[("origin", "api.example.com")], false),
        (&[("referer", "https://api.example.com/")], false),
        (&[], false),
    ] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::TRACE] {
            let passed = passes(with_cookie(method, fields)).await;
            assert_eq!(passed, expected, "{fields:?}");
        }
    }
}

/// Cross-site WebSocket hijacking: the handshake is a `GET`, or in HTTP/2 a `CONNECT` (RFC 8441).
#[tokio::test]
async fn a_handshake_with_a_cookie_has_to_come_from_a_page_of_the_same_origin() {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
    for (method, fields) in [(Method::GET, &upgrade[..]), (Method::CONNECT, &[])] {
        for (origin, expected) in [
            ("https://api.example.com", true),
            ("https://evil.example", false),
        ] {
            let mut fields = fields.to_vec();
            fields.push(("origin", origin));
            let passed = passes(with_cookie(method.clone(), &fields)).await;
            assert_eq!(passed, expected, "{method} {origin}");
        }
        assert!(!passes(with_cookie(method, fields)).await);
    }
}

/// RFC 9112 §3.2.2, RFC 9113 §8.3.1: the target's authority is the host, where there is one.
#[tokio::test]
async fn the_host_is_that_of_the_target_or_else_of_the_one_field() {
    let check = OriginCheck::new();
    let allowed = |target: &str, fields: &[(&str, &str)]| {
        check.allows(&request(Method::POST, target, fields))
    };
    let own = ("origin", "https://api.example.com");
    assert!(allowed("https://api.example.com/", &[own]));
    assert!(allowed(
        "https://api.example.com/",
        &[own, ("host", "internal")]
    ));
    assert!(!allowed("https://internal/", &[own, HOST]));
    assert!(allowed("/", &[own, ("host", "API.EXAMPLE.COM")]));
    assert!(!allowed("/", &[own, HOST, HOST]));
    assert!(!allowed("/", &[own]));
    let local = ("origin", "http://localhost:8000");
    assert!(allowed("/", &[local, ("host", "localhost:8000")]));
    assert!(!allowed("/", &[local, ("host", "localhost")]));
}

/// RFC 9110 §4.2.3: the scheme's own port is the same as none, which is what browsers send.
#[tokio::test]
async fn the_port_that_goes_without_saying_may_be_said() {
    let check = OriginCheck::new();
    for (origin, host, expected) in [
        ("https://api.example.com", "api.example.com:443", true),
        ("https://api.example.com", "api.example.com:80", false),
        ("https://api.example.com", "api.example.com:443:443", false),
        ("https://api.example.com:444", "api.example.com:443", false),
        ("https://[2001:db8::1]", "[2001:db8::1]:443", true),
        ("http://localhost", "localhost:80", true),
        ("http://localhost", "localhost:443", false),
    ] {
        let fields = [("origin", origin), ("host", host)];
        let allowed = check.allows(&request(Method::POST, "/", &fields));
        assert_eq!(allowed, expected, "{origin} {host}");
    }
    let own = ("origin", "https://api.example.com");
    let target = "https://api.example.com:443/";
    assert!(check.allows(&request(Method::POST, target, &[own])));
}

#[tokio::test]
async fn an_origin_that_was_named_is_allowed_to_the_letter() {
    let app: Origin = "https://app.example.com".parse().unwrap();
    let layer = layer().with_allowed_origin("https://x.example".parse().unwrap());
    let layer = layer.with_allowed_origin(app);
    for (fields, status) in [
        (&[("origin", "https://app.example.com")][..], 200),
        (
            &[
                ("origin", "https://x.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            200,
        ),
        (&[("origin", "https://api.example.com")], 200),
        (&[("origin", "https://app.example.com:8443")], 403),
        (&[("origin", "https://app.example.com.evil")], 403),
    ] {
        let answer = ask(&layer, with_cookie(Method::POST, fields)).await;
        assert_eq!(answer.status.as_u16(), status, "{fields:?}");
    }
}

/// The token is not looked up, nobody is let through as anonymous, and the operator learns of it.
#[tokio::test]
async fn the_refusal_is_403_and_an_event_and_asks_nobody() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let asked = validate_fn(|_: AccessToken| async {
        panic!("the validator was asked") as Result<Authenticated<User>, Rejection>
    });
    let layer = BearerLayer::new(asked)
        .with_cookie(cookie_name())
        .with_optional()
        .with_event_hook(move |record| told.lock().unwrap().push(record.event().clone()));
    let answer = ask(&layer, with_cookie(Method::POST, &[])).await;
    expect_refusal(&answer, 403, MISSING);
    assert_eq!(
        answer.body,
        r#"{"error":"access_denied","error_description":"only the header counts in a request that another site may have caused"}"#
    );
    let rejection = answer.extensions.get::<Rejection>().unwrap();
    assert!(matches!(rejection, Rejection::CrossSite), "{rejection:?}");
    let events = events.lock().unwrap();
    let [
        Event::TokenRefused {
            subject: None,
            cause: Cause::CrossSite,
        },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(Cause::CrossSite.as_str(), "cross_site");
}

/// gRPC-Web of a browser: 7 is "permission denied".
#[tokio::test]
async fn a_grpc_web_call_of_another_origin_is_denied() {
    let fields = [("content-type", "application/grpc-web+proto")];
    let answer = ask(&layer(), with_cookie(Method::POST, &fields)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("grpc-status"), Some("7"));
    assert_eq!(
        answer.header("grpc-message"),
        Some("only the header counts in a request that another site may have caused")
    );
}

/// Without the cookie there is nothing to forge: the request is anonymous, wherever it comes from.
#[tokio::test]
async fn without_a_cookie_the_origin_does_not_matter() {
    let fields = [HOST, ("sec-fetch-site", "cross-site"), ("cookie", "a=b")];
    let layer = layer().with_optional();
    let answer = ask(&layer, request(Method::POST, "/", &fields)).await;
    assert_eq!(answer.body, "anonymous");
}
