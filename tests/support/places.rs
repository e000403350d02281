//! A service whose token may be elsewhere than in the header, and requests to it.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    Authenticated, BearerLayer,
    bearer::{Rejection, Validate, validate_fn},
    model::{AccessToken, Anonymous, CookieName, Session, Subject},
};

use super::{Answer, NOON, User, send};

pub type Body = Full<Bytes>;

pub const COOKIE: &str = "__Host-token";
pub const MISSING: &str = r#"Bearer realm="api""#;
pub const MALFORMED: &str = r#"Bearer realm="api", error="invalid_request""#;
pub const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

pub fn cookie_name() -> CookieName {
    CookieName::new(COOKIE).unwrap()
}

/// What the handler saw, in the extensions of its answer.
#[derive(Clone, Debug)]
pub struct Seen {
    pub target: String,
    pub headers: String,
}

async fn handler(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let extensions = request.extensions();
    let user = extensions.get::<Authenticated<User>>();
    let name = match (user, extensions.get::<Anonymous>()) {
        (Some(user), _) => user.name.clone(),
        (None, Some(_)) => "anonymous".to_owned(),
        (None, None) => "nobody asked".to_owned(),
    };
    let mut response = Response::new(Full::from(name));
    for (asked, field) in [
        ("x-cache", header::CACHE_CONTROL),
        ("x-referrer", header::REFERRER_POLICY),
    ] {
        if let Some(says) = request.headers().get(asked) {
            response.headers_mut().insert(field, says.clone());
        }
    }
    response.extensions_mut().insert(Seen {
        target: request.uri().to_string(),
        headers: format!("{:?}", request.headers()),
    });
    Ok(response)
}

/// Sends `request` through `layer`.
pub async fn ask<V: Validate<User = User>>(
    layer: &BearerLayer<V>,
    request: Request<Body>,
) -> Answer {
    send(layer.layer(service_fn(handler)), request).await
}

/// A layer that takes any token after having waited, for the user of that name.
pub fn waiting() -> BearerLayer<impl Validate<User = User>> {
    BearerLayer::new(validate_fn(|token: AccessToken| async move {
        tokio::task::yield_now().await;
        let session = Session::new(Subject::new("x").unwrap(), NOON, NOON);
        let user = Arc::new(User::new(token.expose()));
        Ok::<_, Rejection>(Authenticated::new(user, session))
    }))
}

/// A request to `target` with these header fields.
pub fn request(method: Method, target: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.header(*name, value);
    }
    request.body(Body::default()).unwrap()
}

pub fn get(target: &str, fields: &[(&str, &str)]) -> Request<Body> {
    request(Method::GET, target, fields)
}

/// Asserts that the handler saw meera.
#[track_caller]
pub fn expect_meera(answer: &Answer) {
    let seen = (answer.status, &*answer.body);
    assert_eq!(seen, (StatusCode::OK, &b"Meera"[..]), "{answer:?}");
}

#[track_caller]
pub fn expect_refusal(answer: &Answer, status: u16, challenge: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert!(answer.extensions.get::<Seen>().is_none(), "it got through");
}

/// All `Cache-Control` fields as one list.
pub fn cache_control(answer: &Answer) -> String {
    let fields = answer.headers.get_all(header::CACHE_CONTROL).iter();
    let fields: Vec<_> = fields.map(|field| field.to_str().unwrap()).collect();
    fields.join(", ")
}
