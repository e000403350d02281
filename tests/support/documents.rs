//! What the tests of metadata documents share.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tower_oauth2_password::token::Document;

use super::{Answer, send};

pub type Body = Full<Bytes>;

/// A request without a body.
pub fn ask(method: Method, uri: &str) -> Request<Body> {
    let mut request = Request::new(Body::default());
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().unwrap();
    request
}

/// What a client gets that looks where the document is: 200, JSON, and no field besides.
pub async fn read(document: &Document) -> Value {
    let answer = send(document.clone(), ask(Method::GET, document.path().as_str())).await;
    expect_document(&answer);
    answer.json
}

#[track_caller]
pub fn expect_document(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.fields(), [("content-type", "application/json")]);
    // A reader keeps one of two members of the same name, and would come out shorter.
    assert_eq!(answer.json.to_string().len(), answer.body.len());
}
