//! The token in a cookie (RFC 6750 does not know of it): where RFC 6265 and RFC 6750 meet.

use http::{Method, StatusCode, header};
use tower_oauth2_password::{
    BearerLayer,
    bearer::{Rejection, validate_fn},
    model::AccessToken,
    store::StoreError,
};

use crate::support::{
    User, flow, log_in,
    places::{
        COOKIE, INVALID, MALFORMED, MISSING, Seen, ask, cache_control, cookie_name, expect_meera,
        expect_refusal, get, request, waiting,
    },
};

/// A layer that looks at the cookie, and a good token.
macro_rules! guarded {
    () => {{
        let (flow, _clock) = flow();
        let token = log_in(&flow).await;
        (flow.bearer_layer().with_cookie(cookie_name()), token)
    }};
}

fn pair(token: &str) -> String {
    format!("{COOKIE}={token}")
}

/// Off unless asked for.
#[tokio::test]
async fn a_cookie_is_no_credential_by_default() {
    let (flow, _clock) = flow();
    let token = pair(&log_in(&flow).await);
    let answer = ask(&flow.bearer_layer(), get("/", &[("cookie", &token)])).await;
    expect_refusal(&answer, 401, MISSING);
}

#[tokio::test]
async fn a_good_token_in_the_cookie_lets_the_request_through() {
    let (layer, token) = guarded!();
    let answer = ask(&layer, get("/", &[("cookie", &pair(&token))])).await;
    expect_meera(&answer);
    assert_eq!(answer.header("www-authenticate"), None);
}

/// The challenges of RFC 6750 §3.1 hold for cookies, as RFC 9110 §15.5.2 wants one on each 401.
#[tokio::test]
async fn a_wrong_token_in_the_cookie_gets_the_challenge_of_a_wrong_token() {
    let (layer, _token) = guarded!();
    let unknown = ask(&layer, get("/", &[("cookie", &pair("unknown"))])).await;
    expect_refusal(&unknown, 401, INVALID);
    assert_eq!(unknown.json["error"], "invalid_token");

    let failing = BearerLayer::new(validate_fn(|_: AccessToken| async {
        let error = StoreError::new("no");
        Err::<tower_oauth2_password::Authenticated<User>, _>(Rejection::Unchecked(error))
    }));
    let failing = failing.with_cookie(cookie_name());
    let answer = ask(&failing, get("/", &[("cookie", &pair("abc"))])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// A browser sends the cookie by itself, so RFC 6750 §2 cannot count it as a second method. The
/// header is meant, and decides.
#[tokio::test]
async fn the_header_decides_whatever_the_cookie_says() {
    let (layer, token) = guarded!();
    let good = format!("Bearer {token}");
    for cookie in ["unknown", "a b", "", "x; __Host-token=y"] {
        let fields = [("authorization", &*good), ("cookie", &pair(cookie))];
        expect_meera(&ask(&layer, get("/", &fields)).await);
    }
    for (field, status, challenge) in [
        ("Bearer unknown", 401, INVALID),
        ("Bearer", 400, MALFORMED),
        ("", 400, MALFORMED),
    ] {
        let fields = [("authorization", field), ("cookie", &pair(&token))];
        expect_refusal(&ask(&layer, get("/", &fields)).await, status, challenge);
    }
    // The header of another page's form cannot be set, so a POST with one needs no other proof.
    let fields = [("authorization", &*good), ("sec-fetch-site", "cross-site")];
    expect_meera(&ask(&layer, request(Method::POST, "/", &fields)).await);
}

/// RFC 6750 §3.1: an unsupported scheme is a lack of credentials. The cookie is still there.
#[tokio::test]
async fn beside_another_scheme_the_cookie_counts() {
    let (layer, token) = guarded!();
    let fields = [("authorization", "Basic Og=="), ("cookie", &pair(&token))];
    expect_meera(&ask(&layer, get("/", &fields)).await);
}

/// One of the two was planted (RFC 6265 §8.6).
#[tokio::test]
async fn a_cookie_that_is_there_twice_is_refused() {
    let (layer, token) = guarded!();
    let good = pair(&token);
    for (first, second) in [(good.as_str(), "evil"), ("evil", &token), ("", &token)] {
        let first = if first == good { &token } else { first };
        let both = format!("{}; {}", pair(first), pair(second));
        let answer = ask(&layer, get("/", &[("cookie", &both)])).await;
        expect_refusal(&answer, 400, MALFORMED);
        let fields = [("cookie", &*pair(first)), ("cookie", &*pair(second))];
        expect_refusal(&ask(&layer, get("/", &fields)).await, 400, MALFORMED);
    }
    let twice = format!("{good}; {good}");
    let answer = ask(&layer, get("/", &[("cookie", &twice)])).await;
    expect_refusal(&answer, 400, MALFORMED);
}

/// RFC 9113 §8.2.3: HTTP/2 may split the field. RFC 6265 §5.4: what else is in it is of other
/// applications of the host.
#[tokio::test]
async fn the_cookie_is_found_among_others_and_in_several_fields() {
    let (layer, token) = guarded!();
    let own = pair(&token);
    for cookie in [
        format!("a=b; {own}; c=d"),
        format!("{own};c=d"),
        format!("a=b;\t{own} ;"),
        format!("=; novalue; ;; {own}"),
        format!("json={{\"a\": \"b, c\"}}; {own}"),
        format!("text=\u{e9}\u{2603}; {own}"),
        format!("quoted=\"x; {own}"),
    ] {
        expect_meera(&ask(&layer, get("/", &[("cookie", &cookie)])).await);
    }
    let fields = [("cookie", "a=b"), ("cookie", &*own), ("cookie", "c=d")];
    expect_meera(&ask(&layer, get("/", &fields)).await);
}

/// Readers that trim or fold more, or know `$Version`, take these for a `__Host-` cookie. Browsers
/// do not, so any sister domain can set them.
#[tokio::test]
async fn a_name_that_only_looks_like_it_is_another_cookie() {
    let (layer, token) = guarded!();
    for cookie in [
        format!("__host-token={token}"),
        format!("__HOST-TOKEN={token}"),
        format!("\u{2003}__Host-token={token}"),
        format!("\u{a0}__Host-token={token}"),
        format!("__Host-token2={token}"),
        format!("x__Host-token={token}"),
        format!("$Version=1,__Host-token={token}"),
        format!("a=b, __Host-token={token}"),
        format!("=__Host-token={token}"),
        format!("a=__Host-token={token}"),
        format!("\"__Host-token\"={token}"),
        format!("__Host-token[]={token}"),
        format!("__Host%2Dtoken={token}"),
        token.clone(),
        COOKIE.to_owned(),
    ] {
        let answer = ask(&layer, get("/", &[("cookie", &cookie)])).await;
        expect_refusal(&answer, 401, MISSING);
    }
}

/// RFC 6750 §2.1: a token is a `b64token`. Quotation marks mean nothing (RFC 6265 §5.4).
#[tokio::test]
async fn a_value_that_is_no_token_gets_400() {
    let (layer, token) = guarded!();
    for value in [
        format!("\"{token}\""),
        format!("{token} x"),
        format!("{token},{token}"),
        format!("Bearer {token}"),
        "a%3D".to_owned(),
        "\u{e9}".to_owned(),
        "=".to_owned(),
        "a".repeat(4097),
    ] {
        let answer = ask(&layer, get("/", &[("cookie", &pair(&value))])).await;
        expect_refusal(&answer, 400, MALFORMED);
        assert_eq!(answer.json["error"], "invalid_request", "{value}");
    }
    let short = layer.with_max_token_bytes(42);
    let answer = ask(&short, get("/", &[("cookie", &pair(&token))])).await;
    expect_refusal(&answer, 400, MALFORMED);
}

/// An empty value is what is left where a cookie was deleted by halves. Row 6 of `mistakes.rs`: a
/// bad token is not "none".
#[tokio::test]
async fn an_empty_cookie_is_none_and_a_bad_one_is_not() {
    let (layer, _token) = guarded!();
    let empty = get("/", &[("cookie", &pair(""))]);
    expect_refusal(&ask(&layer, empty.clone()).await, 401, MISSING);
    let optional = layer.with_optional();
    assert_eq!(ask(&optional, empty).await.body, "anonymous");
    let answer = ask(&optional, get("/", &[("cookie", &pair("unknown"))])).await;
    expect_refusal(&answer, 401, INVALID);
}

/// OWASP ASVS 16.2.5: also where the token that counts is in the header.
#[tokio::test]
async fn every_cookie_field_is_marked_as_sensitive() {
    let (layer, token) = guarded!();
    let (bearer, own) = (format!("Bearer {token}"), pair(&token));
    let cookies = [("cookie", "plain=visible"), ("cookie", &*own)];
    let both = [cookies[0], cookies[1], ("authorization", &*bearer)];
    for fields in [&cookies[..], &both[..]] {
        let answer = ask(&layer, get("/", fields)).await;
        expect_meera(&answer);
        let seen = answer.extensions.get::<Seen>().unwrap();
        assert!(!seen.headers.contains(&token), "{seen:?}");
        assert!(!seen.headers.contains("visible"), "{seen:?}");
    }
}

/// RFC 9111 §3.5 keeps answers to `Authorization` out of shared caches. Nothing keeps those to a
/// cookie out.
#[tokio::test]
async fn an_answer_to_a_cookie_is_private_unless_it_says_that_it_is_for_all() {
    let (layer, token) = guarded!();
    for (says, expected) in [
        ("max-age=60", "max-age=60, private"),
        ("no-transform", "no-transform, private"),
        ("public, max-age=60", "public, max-age=60"),
        ("max-age=1, S-MaxAge = 60", "max-age=1, S-MaxAge = 60"),
        ("x=public", "x=public, private"),
    ] {
        let own = pair(&token);
        let fields = [("cookie", &*own), ("x-cache", says)];
        assert_eq!(
            cache_control(&ask(&layer, get("/", &fields)).await),
            expected
        );
        let bearer = format!("Bearer {token}");
        let fields = [("authorization", &*bearer), ("x-cache", says)];
        assert_eq!(cache_control(&ask(&layer, get("/", &fields)).await), says);
    }
    let answer = ask(&layer, get("/", &[("cookie", &pair(&token))])).await;
    assert_eq!(answer.header("cache-control"), Some("private"));
}

/// A validator that has to wait takes the boxed path.
#[tokio::test]
async fn a_cookie_is_judged_and_its_answer_sealed_after_waiting_too() {
    let layer = waiting().with_cookie(cookie_name());
    let answer = ask(&layer, get("/", &[("cookie", &pair("Meera"))])).await;
    expect_meera(&answer);
    assert_eq!(answer.header("cache-control"), Some("private"));
    let answer = ask(&layer, get("/", &[("authorization", "Bearer Meera")])).await;
    expect_meera(&answer);
    assert!(!answer.headers.contains_key(header::CACHE_CONTROL));
}
