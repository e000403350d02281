//! Whatever bytes come in a cookie or a query: no panic, and the token that a simple reader finds.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use proptest::prelude::*;
use tower::{Layer, service_fn};
use tower_oauth2_password::{
    Authenticated, BearerLayer,
    bearer::{Rejection, Validate, validate_fn},
    model::{AccessToken, BearerToken, Session, Subject},
};

use crate::support::{
    Answer, NOON,
    places::{COOKIE, cookie_name},
    send,
};

/// Any well-formed token is good, and the handler says which it was and what the target is.
fn echo(
    layer: &BearerLayer<impl Validate<User = String>>,
    request: Request<()>,
) -> (u16, Option<(String, String)>) {
    let handler = service_fn(async |request: Request<()>| {
        let user = request.extensions().get::<Authenticated<String>>().unwrap();
        let body = format!("{} {}", user.user(), request.uri());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
    });
    let answer: Answer = send(layer.layer(handler), request).now_or_never().unwrap();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let seen = body.split_once(' ').filter(|_| answer.status == 200);
    let seen = seen.map(|(token, target)| (token.to_owned(), target.to_owned()));
    (answer.status.as_u16(), seen)
}

fn layer() -> BearerLayer<impl Validate<User = String>> {
    BearerLayer::new(validate_fn(|token: AccessToken| async move {
        let session = Session::new(Subject::new("x").unwrap(), NOON, NOON);
        let token = Arc::new(token.expose().to_owned());
        Ok::<_, Rejection>(Authenticated::new(token, session))
    }))
}

/// The status that the values of our name ask for, and the token.
fn judged(values: &[String], empty_is_none: bool) -> (u16, Option<String>) {
    match values {
        [] => (401, None),
        [value] if value.is_empty() && empty_is_none => (401, None),
        [value] if BearerToken::parse(value).is_some() => (200, Some(value.clone())),
        _ => (400, None),
    }
}

fn cookies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let field = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "(a=b; )?__Host-token=[a-z\"= ,]{0,9}(; ?(c=d|__Host-token=e|__host-token=f))?"
            .prop_map(String::into_bytes),
        "[ \t]{0,2}__Host-token[ \t]{0,2}=[ \t]{0,2}[a-z]{0,9}[ \t;]{0,3}"
            .prop_map(String::into_bytes),
    ];
    prop::collection::vec(field, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn no_cookie_panics_and_only_the_one_of_our_name_is_read(fields in cookies()) {
        let mut request = Request::new(());
        let mut values = Vec::new();
        for field in &fields {
            let Ok(field) = HeaderValue::from_bytes(field) else { continue };
            for pair in String::from_utf8_lossy(field.as_bytes()).split(';') {
                let (name, value) = pair.split_once('=').unwrap_or_default();
                let blank = |c| c == ' ' || c == '\t';
                if name.trim_matches(blank) == COOKIE {
                    values.push(value.trim_matches(blank).to_owned());
                }
            }
            request.headers_mut().append(header::COOKIE, field);
        }
        let (status, seen) = echo(&layer().with_cookie(cookie_name()), request);
        let token = seen.map(|(token, _target)| token);
        prop_assert_eq!((status, token), judged(&values, true));
    }

    #[test]
    fn no_query_panics_and_the_token_is_read_and_taken_out(
        query in prop_oneof![
            "[!-~]{0,40}",
            "(a=b&)?access_token=[a-z%+=/]{0,6}(&(x=%41|access_token=e|access_token|&))?",
            "access_token=(%[0-9a-fA-F]{2}|[a-z]){0,6}",
        ],
    ) {
        let Ok(request) = Request::get(format!("/p?{query}")).body(()) else { return Ok(()) };
        let query = request.uri().query().unwrap_or_default().to_owned();
        // `form_urlencoded` takes `+` for a blank, and what is no encoding for itself.
        let pairs = query.split('&');
        let (ours, rest): (Vec<_>, Vec<_>) =
            pairs.partition(|pair| pair.split('=').next() == Some("access_token"));
        let read = |pair: &&str| {
            form_urlencoded::parse(pair.replace('+', "%2B").as_bytes())
                .next()
                .map_or(String::new(), |(_, value)| value.into_owned())
        };
        let values: Vec<_> = ours.iter().map(read).collect();
        let (status, seen) = echo(&layer().with_insecure_query(), request);
        let (token, target) = seen.unzip();
        prop_assert_eq!((status, token), judged(&values, false));
        if let Some(target) = target {
            let rest = rest.join("&");
            let expected = if rest.is_empty() { "/p".to_owned() } else { format!("/p?{rest}") };
            prop_assert_eq!(target, expected);
        }
    }
}
