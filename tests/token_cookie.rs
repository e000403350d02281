//! The cookie that a login sets, and the values that an operator sets for it.

use http::StatusCode;
use proptest::prelude::*;
use tower_oauth2_password::{
    model::{CookieName, Origin, TokenPrefix},
    token::{Issued, Refresh, SameSite, TokenCookie},
};

use crate::support::{
    Answer, LOGIN, flow, log_in,
    places::{ask, cookie_name, expect_meera, get},
    send, token_request,
};

fn issued(answer: &Answer) -> &Issued {
    answer.extensions.get().expect("nothing was issued")
}

/// OWASP ASVS 3.3.1 to 3.3.4 (RFC 6265 §4.1.2): each attribute of both fields, and no other.
#[tokio::test]
async fn the_cookie_has_every_attribute_that_protects_it() {
    let (flow, _clock) = flow();
    let flow = flow.with_token_prefix(TokenPrefix::new("a-._~+/").unwrap());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let cookie = TokenCookie::new(cookie_name());
    for (cookie, same_site) in [
        (cookie.clone(), "Strict"),
        (cookie.with_same_site(SameSite::Lax), "Lax"),
    ] {
        let attributes = format!("Path=/; Secure; HttpOnly; SameSite={same_site}");
        let set = cookie.set(issued(&answer));
        assert_eq!(
            set,
            format!("__Host-token={token}; Max-Age=3600; {attributes}")
        );
        let clear = cookie.clear();
        assert_eq!(clear, format!("__Host-token=; Max-Age=0; {attributes}"));
        assert!(set.is_sensitive() && clear.is_sensitive());
    }
}

/// A route around the endpoint makes a cookie of what it finds there.
#[tokio::test]
async fn the_token_endpoint_leaves_what_it_issued_in_the_extensions() {
    let (flow, _clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let tokens = issued(&answer);
    assert_eq!(tokens.token().expose(), answer.json["access_token"]);
    let refresh = tokens.refresh_token().unwrap().expose();
    assert_eq!(refresh, answer.json["refresh_token"]);

    let body = format!("grant_type=refresh_token&refresh_token={refresh}");
    let again = send(flow.token_service(), token_request(body)).await;
    assert_eq!(issued(&again).token().expose(), again.json["access_token"]);

    let wrong = LOGIN.replace("secret123", "wrong");
    let wrong = send(flow.token_service(), token_request(wrong)).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.extensions.get::<Issued>().is_none());
}

/// What a browser sends back of the field is what the layer takes.
#[tokio::test]
async fn the_cookie_logs_in_and_the_cleared_one_is_none() {
    let (flow, _clock) = flow();
    let cookie = TokenCookie::new(cookie_name());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let layer = flow.bearer_layer().with_cookie(cookie.name().clone());
    for (field, status) in [(cookie.set(issued(&answer)), 200), (cookie.clear(), 401)] {
        let field = field.to_str().unwrap().to_owned();
        let pair = field.split("; ").next().unwrap();
        let answer = ask(&layer, get("/", &[("cookie", pair)])).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

/// Danger by name: each host below the domain can set a cookie without the prefix.
#[tokio::test]
async fn a_name_without_the_prefix_has_to_be_asked_for() {
    for name in [
        "token",
        "__host-token",
        "__Secure-token",
        "__Host-",
        " __Host-a",
        "",
    ] {
        assert!(CookieName::new(name).is_err(), "{name:?}");
    }
    for name in ["__Host-a", "__Host-Http-token", "__Host-~.!"] {
        assert_eq!(CookieName::new(name).unwrap().as_str(), name);
    }
    for name in ["a b", "a=b", "a;b", "a,b", "\"a\"", "\u{e9}", "a\n", ""] {
        assert!(CookieName::new_insecure(name).is_err(), "{name:?}");
        assert!(CookieName::new(format!("__Host-x{name}")).is_err() || name.is_empty());
    }
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let name = CookieName::new_insecure("token").unwrap();
    let layer = flow.bearer_layer().with_cookie(name);
    let cookie = format!("token={token}");
    expect_meera(&ask(&layer, get("/", &[("cookie", &cookie)])).await);
}

/// RFC 6454 §6.2. One that no browser sends would never match, and nobody would know why.
#[test]
fn an_origin_is_what_a_browser_sends_and_nothing_else() {
    for origin in [
        "https://app.example.com",
        "https://app.example.com:8443",
        "https://xn--exmple-cua.com",
        "https://192.0.2.1",
        "https://[2001:db8::1]:444",
        "http://localhost",
        "http://localhost:5173",
        "http://127.0.0.1:443",
        "http://[::1]:8000",
    ] {
        assert_eq!(origin.parse::<Origin>().unwrap().as_str(), origin);
    }
    for origin in [
        "",
        "null",
        "*",
        "https://*.example.com",
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/a",
        "https://app.example.com?a",
        "https://app.example.com#a",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "httpS://app.example.com",
        "https://user@app.example.com",
        "https://app.example.com:443",
        "https://app.example.com:08443",
        "https://app.example.com:",
        "https://app.example.com:99999",
        "https://[2001:db8::1]:443",
        "http://localhost:80",
        "http://app.example.com",
        "https://ex\u{e4}mple.com",
        " https://app.example.com",
        "ftp://localhost",
    ] {
        assert!(origin.parse::<Origin>().is_err(), "{origin:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_a_name_or_an_origin(text in "\\PC{0,40}", host in "[a-z:\\[\\]0-9./@]{0,20}") {
        for text in [text.clone(), format!("https://{text}"), format!("https://{host}")] {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.as_str(), text.as_str());
                prop_assert_eq!(text.matches('/').count(), 2);
            }
        }
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let good = !text.is_empty() && text.chars().all(token);
        prop_assert_eq!(CookieName::new_insecure(&text).is_ok(), good);
    }
}
