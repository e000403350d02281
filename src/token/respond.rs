use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Version,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
    },
};

use super::{Issued, RequestFault, TokenError, report};
use crate::{
    model::Realm,
    observe,
    password::{CheckError, PoolError},
    wire::{JsonObject, ask_to_retry},
};

/// The one place where a form becomes a response.
pub(super) fn respond(
    outcome: Result<Response<Bytes>, TokenError>,
    realm: &Realm,
    version: Version,
) -> Response<Bytes> {
    let mut response = outcome.unwrap_or_else(|error| failure(error, realm));
    let has_body = !response.body().is_empty();
    let late = response.status() == StatusCode::REQUEST_TIMEOUT;
    let headers = response.headers_mut();
    if has_body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // RFC 6749 §5.1: on every response with tokens or credentials, so on every one of these.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    // RFC 9110 §15.5.9: the rest of the request is not waited for. RFC 9113 §8.2.2: HTTP/2 ends the
    // stream and has no such field.
    if late && version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 6749 §5.1. For a layer or a route around the endpoint, which may want to make a cookie of
/// them, the tokens are in the extensions too.
pub(super) fn issued(issued: Issued) -> Response<Bytes> {
    let mut json = JsonObject::new()
        .string("access_token", issued.access.expose())
        .string("token_type", "Bearer")
        .number("expires_in", u64::from(issued.lifetime.as_secs()));
    if let Some(refresh) = &issued.refresh {
        json = json.string("refresh_token", refresh.expose());
    }
    if !issued.scope.is_empty() {
        json = json.string("scope", &issued.scope.to_string());
    }
    let mut response = Response::new(json.finish());
    response.extensions_mut().insert(issued);
    response
}

/// RFC 6749 §5.2. A wrong password is 400 and has no `WWW-Authenticate`: clients read nothing
/// else.
fn failure(error: TokenError, realm: &Realm) -> Response<Bytes> {
    let mut json = JsonObject::new().string("error", error.code());
    if let Some(description) = error.description() {
        json = json.string("error_description", description);
    }
    if let TokenError::Custom(custom) = &error {
        for (name, value) in custom.members() {
            json = json.string(name, value);
        }
    }
    let mut response = Response::new(json.finish());
    *response.status_mut() = error.status();
    add_headers(&error, realm, response.headers_mut());
    match &error {
        TokenError::Unchecked(CheckError::Pool(PoolError::Full)) => {
            observe::login_turned_away(&error);
        }
        _ if error.status().is_server_error() => {
            observe::grant_failed(report::cause(&error).as_str(), &error);
        }
        _ => {}
    }
    response.extensions_mut().insert(error);
    response
}

fn add_headers(error: &TokenError, realm: &Realm, headers: &mut HeaderMap) {
    if let TokenError::InvalidClient { challenge: true } = error {
        // RFC 6749 §5.2, RFC 7617 §2.
        let challenge = format!(r#"Basic realm="{}", charset="UTF-8""#, realm.as_str());
        let challenge = HeaderValue::try_from(challenge);
        headers.insert(
            WWW_AUTHENTICATE,
            challenge.expect("a realm is printable ASCII"),
        );
    }
    if let TokenError::InvalidRequest(RequestFault::Method) = error {
        // RFC 9110 §15.5.6.
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if let TokenError::Throttled { wait } = error {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        ask_to_retry(headers);
    }
}
