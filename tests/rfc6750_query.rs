//! RFC 6750 §2.3: the token in the query, where somebody asked for it.

use crate::support::{
    flow, log_in,
    places::{
        COOKIE, INVALID, MALFORMED, MISSING, Seen, ask, cache_control, cookie_name, expect_meera,
        expect_refusal, get, waiting,
    },
};

/// RFC 9700 §4.3.2: clients must not, so it takes an option of that name.
#[tokio::test]
async fn a_token_in_the_query_counts_only_where_asked_for() {
    let (flow, _clock) = flow();
    let target = format!("/?access_token={}", log_in(&flow).await);
    let off = ask(&flow.bearer_layer(), get(&target, &[])).await;
    expect_refusal(&off, 401, MISSING);
    let on = flow.bearer_layer().with_insecure_query();
    expect_meera(&ask(&on, get(&target, &[])).await);
    expect_refusal(&ask(&on, get("/?a=b", &[])).await, 401, MISSING);
    let unknown = ask(&on, get("/?access_token=unknown", &[])).await;
    expect_refusal(&unknown, 401, INVALID);
    // What opens a WebSocket. No site but the client's own knows the token.
    let fields = [
        ("upgrade", "websocket"),
        ("origin", "https://elsewhere.example"),
    ];
    expect_meera(&ask(&on, get(&target, &fields)).await);
}

/// RFC 6750 §2, §3.1: more than one method is `invalid_request`. A cookie does not give way here, as
/// it does to a header: who makes a browser follow a link chooses the query.
#[tokio::test]
async fn a_token_in_the_query_and_another_elsewhere_is_refused() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    let target = format!("/?access_token={token}");
    let (bearer, cookie) = (format!("Bearer {token}"), format!("{COOKIE}={token}"));
    let off = flow.bearer_layer().with_cookie(cookie_name());
    for layer in [off.clone(), off.with_insecure_query()] {
        for (name, value) in [("authorization", &bearer), ("cookie", &cookie)] {
            for target in [target.as_str(), "/?access_token=", "/?a=b&access_token"] {
                let answer = ask(&layer, get(target, &[(name, value)])).await;
                expect_refusal(&answer, 400, MALFORMED);
                assert_eq!(answer.json["error"], "invalid_request");
            }
        }
        expect_meera(&ask(&layer, get("/?a=access_token", &[("cookie", &cookie)])).await);
    }
}

/// RFC 6749 §3.2 by way of RFC 6750 §3.1: not more than once, and a `b64token`.
#[tokio::test]
async fn a_parameter_that_is_there_twice_or_is_no_token_gets_400() {
    let layer = waiting().with_insecure_query().with_max_token_bytes(8);
    for query in [
        "access_token=a&access_token=a",
        "access_token&access_token=a",
        "access_token=a&b=c&access_token=",
        "access_token",
        "access_token=",
        "access_token=a=b",
        "access_token=a%20b",
        "access_token=a%",
        "access_token=a%4",
        "access_token=a%zz",
        "access_token=a%+41",
        "access_token=%c3%a9",
        "access_token=%00",
        "access_token=123456789",
        "access_token=12345678%39",
    ] {
        let answer = ask(&layer, get(&format!("/?{query}"), &[])).await;
        expect_refusal(&answer, 400, MALFORMED);
    }
}

/// RFC 3986 §2.1: `URLSearchParams` encodes what `encodeURIComponent` leaves.
#[tokio::test]
async fn percent_encoding_is_undone() {
    let layer = waiting().with_insecure_query();
    for (query, token) in [
        ("access_token=a-._~+/%3D", "a-._~+/="),
        ("access_token=a-._%7E%2B%2f%3d=", "a-._~+/=="),
        ("x&access_token=%41&y=%zz", "A"),
    ] {
        let answer = ask(&layer, get(&format!("/?{query}"), &[])).await;
        assert_eq!(answer.body, token, "{query}");
    }
    // Another parameter, for a reader that undoes it in names as well.
    let answer = ask(&layer, get("/?access%5Ftoken=a", &[])).await;
    expect_refusal(&answer, 401, MISSING);
}

/// OWASP ASVS 16.2.5, 14.2.1: who logs the target further in does not log the token. The boxed path
/// and the other both.
#[tokio::test]
async fn the_service_inside_does_not_see_the_token() {
    let (flow, _clock) = flow();
    let token = log_in(&flow).await;
    for (before, after) in [
        ("/a/b?access_token=T", "/a/b"),
        ("/?access_token=T&x=%20&y", "/?x=%20&y"),
        ("/?x=1&access_token=T&&y", "/?x=1&&y"),
        (
            "https://api.example.com/a?x&access_token=T",
            "https://api.example.com/a?x",
        ),
        (
            "https://api.example.com?access_token=T",
            "https://api.example.com/",
        ),
    ] {
        let target = before.replace('T', &token);
        let at_once = flow.bearer_layer().with_insecure_query();
        let at_once = ask(&at_once, get(&target, &[])).await;
        let waited = ask(&waiting().with_insecure_query(), get(&target, &[])).await;
        for answer in [at_once, waited] {
            let seen = answer.extensions.get::<Seen>().unwrap();
            assert_eq!(seen.target, after);
        }
    }
}

/// RFC 6750 §2.3: success answers should be `private`; the client's `no-store` is not relied on.
#[tokio::test]
async fn answers_to_a_token_in_the_query_are_private_and_not_stored() {
    let layer = waiting().with_insecure_query();
    let target = "/?access_token=Meera";
    let answer = ask(&layer, get(target, &[])).await;
    expect_meera(&answer);
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    let answer = ask(&layer, get(target, &[("x-cache", "public, max-age=60")])).await;
    assert_eq!(
        cache_control(&answer),
        "public, max-age=60, private, no-store"
    );
    let (flow, _clock) = flow();
    let target = format!("/?access_token={}", log_in(&flow).await);
    let answer = ask(
        &flow.bearer_layer().with_insecure_query(),
        get(&target, &[]),
    )
    .await;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
}
