//! The token in a cookie (RFC 6265 §4.2.1): a `Cookie` field on each of the first three lines, then
//! what tells one's own pages from those of other sites: `Origin`, `Host`, `Sec-Fetch-Site`, `Upgrade`
//! and the method. An empty line is no field, and no method is `POST`.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::{BearerToken, CookieName, Origin};
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

/// Whether the cookie counts in `request`.
fn is_of_own_page(request: &Request<()>) -> bool {
    let headers = request.headers();
    let safe = ["GET", "HEAD", "OPTIONS"].contains(&request.method().as_str());
    if safe && !headers.contains_key(header::UPGRADE) {
        return true;
    }
    let text = |name| headers.get(name).map(HeaderValue::to_str).transpose();
    let (Ok(origin), Ok(site)) = (text("origin"), text("sec-fetch-site")) else {
        return false;
    };
    let host = text("host").ok().flatten().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    let page = |scheme: &str, port| {
        let host = host.strip_suffix(port).unwrap_or(&host);
        format!("{scheme}://{host}")
    };
    let own = origin.is_some_and(|origin| {
        let pages = [page("https", ":443"), page("http", ":80")];
        origin.parse::<Origin>().is_ok() && pages.iter().any(|page| page == origin)
    });
    match site {
        Some("same-origin") => true,
        Some("none") => own || origin.is_none(),
        Some(_) => false,
        None => own,
    }
}

/// A request with what is not empty of `fields`; `None` if that makes none.
fn request(method: &[u8], fields: &[(HeaderName, &[u8])]) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = match method {
        [] => Method::POST,
        method => Method::from_bytes(method).ok()?,
    };
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let value = HeaderValue::from_bytes(value).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

fuzz_target!(|data: &[u8]| {
    let [cookies @ .., origin, host, site, upgrade, method] = lines::<8>(data);
    let cookies = cookies.map(|cookie| (header::COOKIE, cookie));
    let Some(read) = request(b"GET", &cookies) else {
        return;
    };
    let expected = expected(read.headers());
    let layer = any_token().with_cookie(CookieName::new(NAME).unwrap());
    let answer = echo(&layer, read);
    match &expected {
        Ok(Some(token)) => {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, format!("{token} /"));
            assert_eq!(answer.headers[header::CACHE_CONTROL], "private");
        }
        Ok(None) => assert_eq!(answer.status, 401),
        Err(()) => assert_eq!(answer.status, 400),
    }

    let site = (HeaderName::from_static("sec-fetch-site"), site);
    let page = [
        (header::ORIGIN, origin),
        (header::HOST, host),
        (header::UPGRADE, upgrade),
        site,
    ];
    let Some(act) = request(method, &[&cookies[..], &page].concat()) else {
        return;
    };
    let own = is_of_own_page(&act);
    let passed = echo(&layer, act).status == 200;
    assert_eq!(passed, own && matches!(expected, Ok(Some(_))));
});
