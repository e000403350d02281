use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    request::Parts,
};

use super::{Rejection, challenge::challenge};
use crate::{
    model::{Protected, Subject},
    observe::{self, Cause, Event, Observer},
    wire::{JsonObject, ask_to_retry},
};

/// How a refused request wants to be answered.
#[derive(Clone, Debug)]
pub(super) enum Dialect {
    Http,
    /// gRPC or gRPC-Web, with the media type to answer in.
    Grpc(HeaderValue),
}

impl Dialect {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        const GRPC: &str = "application/grpc";
        const GRPC_WEB: &[u8] = b"application/grpc-web";
        match headers.get(CONTENT_TYPE) {
            Some(media) if media.as_bytes().starts_with(GRPC_WEB) => Self::Grpc(media.clone()),
            Some(media) if media.as_bytes().starts_with(GRPC.as_bytes()) => {
                Self::Grpc(HeaderValue::from_static(GRPC))
            }
            _ => Self::Http,
        }
    }
}

/// The one place where a rejection becomes a response.
pub(crate) fn refuse(
    rejection: Rejection,
    protected: &Protected,
    request_headers: &HeaderMap,
) -> Response<Bytes> {
    respond(rejection, protected, &Dialect::of(request_headers), None)
}

/// A token that was refused is an event. A request without one is none, nor is a mistake in the
/// application.
pub(super) fn report(
    observer: &Observer,
    head: &Parts,
    subject: Option<&Subject>,
    rejection: &Rejection,
) {
    let cause = match rejection {
        Rejection::Missing | Rejection::Unguarded => return,
        Rejection::Malformed => Cause::Malformed,
        Rejection::Invalid => Cause::Wrong,
        Rejection::CrossSite => Cause::CrossSite,
        Rejection::InsufficientScope { .. } => Cause::NotAllowed,
        Rejection::Unchecked(_) => Cause::Unavailable,
    };
    observer.scene(head).report(Event::TokenRefused {
        subject: subject.cloned(),
        cause,
    });
}

/// Rewrites a default response; see `BearerLayer::with_body`.
pub(super) type BodyHook = dyn Fn(&Rejection, &mut Response<Bytes>) + Send + Sync;

pub(super) fn respond(
    rejection: Rejection,
    protected: &Protected,
    dialect: &Dialect,
    hook: Option<&BodyHook>,
) -> Response<Bytes> {
    if let Rejection::Unchecked(cause) = &rejection {
        observe::token_not_checked(cause);
    }
    let mut response = match dialect {
        Dialect::Http => http_response(&rejection),
        Dialect::Grpc(media) => grpc_response(&rejection, media),
    };
    add_protected(&rejection, protected, response.headers_mut());
    if let (Dialect::Http, Some(hook)) = (dialect, hook) {
        hook(&rejection, &mut response);
        *response.status_mut() = rejection.status();
        add_protected(&rejection, protected, response.headers_mut());
    }
    response.extensions_mut().insert(rejection);
    response
}

/// What no hook may lose.
fn add_protected(rejection: &Rejection, protected: &Protected, headers: &mut HeaderMap) {
    headers.remove(RETRY_AFTER);
    match challenge(protected, rejection) {
        Some(challenge) => drop(headers.insert(WWW_AUTHENTICATE, challenge)),
        None => drop(headers.remove(WWW_AUTHENTICATE)),
    }
    if let Rejection::Unchecked(_) = rejection {
        ask_to_retry(headers);
    }
}

/// RFC 6750 §3.1: a request without credentials gets no error information.
fn http_response(rejection: &Rejection) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = rejection.status();
    if let Some(code) = rejection.code() {
        let json = JsonObject::new()
            .string("error", code)
            .string("error_description", rejection.description());
        *response.body_mut() = json.finish();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}

/// Trailers-only: the status in the headers, no body. Anything else loses code or message in
/// one client or another.
fn grpc_response(rejection: &Rejection, media: &HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.clone());
    headers.insert("grpc-status", HeaderValue::from(rejection.grpc_status()));
    // Plain ASCII, so the percent-encoding that the protocol asks for changes nothing.
    headers.insert(
        "grpc-message",
        HeaderValue::from_static(rejection.description()),
    );
    response
}
