//! The token in a cookie (RFC 6265 §4.2.1): a `Cookie` field on each of the first three lines, an
//! `Origin` field on the fourth, which decides about a `POST`.
#![no_main]

use http::{HeaderMap, HeaderValue, Method, Request, header};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::{BearerToken, CookieName};
use tower_oauth2_password_fuzz::{any_token, echo, lines};

const NAME: &str = "__Host-t";

/// `Ok(None)` without the cookie, `Err` if it is malformed.
fn expected(headers: &HeaderMap) -> Result<Option<String>, ()> {
    let mut values = Vec::new();
    for field in headers.get_all(header::COOKIE) {
        for pair in String::from_utf8_lossy(field.as_bytes()).split(';') {
            let (name, value) = pair.split_once('=').unwrap_or_default();
            if name.trim_matches([' ', '\t']) == NAME {
                values.push(value.trim_matches([' ', '\t']).to_owned());
            }
        }
    }
    match &values[..] {
        [] => Ok(None),
        [value] if value.is_empty() => Ok(None),
        [value] if BearerToken::parse(value).is_some() && value.len() <= 4096 => {
            Ok(Some(value.clone()))
        }
        _ => Err(()),
    }
}

fuzz_target!(|data: &[u8]| {
    let [cookies @ .., origin] = lines::<4>(data);
    let mut request = Request::new(());
    for cookie in cookies {
        let Ok(cookie) = HeaderValue::from_bytes(cookie) else {
            return;
        };
        request.headers_mut().append(header::COOKIE, cookie);
    }
    let expected = expected(request.headers());
    let layer = any_token().with_cookie(CookieName::new(NAME).unwrap());
    let answer = echo(&layer, request.clone());
    match &expected {
        Ok(Some(token)) => {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, format!("{token} /"));
            assert_eq!(answer.headers[header::CACHE_CONTROL], "private");
        }
        Ok(None) => assert_eq!(answer.status, 401),
        Err(()) => assert_eq!(answer.status, 400),
    }

    let Ok(origin) = HeaderValue::from_bytes(origin) else {
        return;
    };
    let own = origin == "https://a.example";
    let host = HeaderValue::from_static("a.example");
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::ORIGIN, origin);
    let passed = echo(&layer, request).status == 200;
    assert_eq!(passed, own && matches!(expected, Ok(Some(_))));
});
