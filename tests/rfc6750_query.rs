//! RFC 6750 §2.3: the token in the query, where somebody asked for it.

use std::sync::{Arc, Mutex};

use http::Method;
use tower_oauth2_password::BearerLayer;

use crate::support::{
    flow, log_in,
    places::{
        COOKIE, INVALID, MALFORMED, MISSING, Seen, ask, cache_control, cookie_name, expect_meera,
        expect_refusal, get, request, waiting,
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
    // What opens a WebSocket. Another site's page knows no token but its own.
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

/// Login CSRF: another site sends its visitors here, by a link or a form, with the attacker's token.
/// The cookie is `SameSite=Strict` and stays out, so the rule of two tokens does not see it.
#[tokio::test]
async fn who_is_sent_here_by_a_page_does_not_bring_its_token() {
    let (flow, _clock) = flow();
    let target = format!("/?access_token={}", log_in(&flow).await);
    let query = flow.bearer_layer().with_insecure_query();
    let mode = |mode| ("sec-fetch-mode", mode);
    for layer in [query.clone(), query.with_cookie(cookie_name())] {
        for method in [Method::GET, Method::POST] {
            for fields in [
                &[mode("navigate")][..],
                &[mode("navigate"), ("sec-fetch-site", "cross-site")],
                &[mode("navigate"), ("sec-fetch-site", "none")],
                &[mode("cors"), mode("navigate")],
            ] {
                let answer = ask(&layer, request(method.clone(), &target, fields)).await;
                expect_refusal(&answer, 403, MISSING);
                assert_eq!(answer.json["error"], "access_denied");
            }
            for fields in [[mode("cors")], [mode("websocket")], [mode("no-cors")]] {
                expect_meera(&ask(&layer, request(method.clone(), &target, &fields)).await);
            }
        }
        // The user's own token is in no link.
        let bearer = target.replace("/?access_token=", "Bearer ");
        let fields = [mode("navigate"), ("authorization", &bearer)];
        expect_meera(&ask(&layer, get("/", &fields)).await);
    }
}

/// OWASP ASVS 14.2.1: the application's own closure, which may log the head of the request, is among
/// those further in.
#[tokio::test]
async fn whoever_is_asked_about_a_refused_request_does_not_see_the_token() {
    let targets = Arc::new(Mutex::new(Vec::new()));
    let watch = |layer: BearerLayer<_>| {
        let seen = Arc::clone(&targets);
        layer.with_source(move |head| {
            seen.lock().unwrap().push(head.uri.to_string());
            None
        })
    };
    let (flow, _clock) = flow();
    let layer = flow.bearer_layer().with_cookie(cookie_name());
    let layer = watch(layer.with_insecure_query());
    let cookie = format!("{COOKIE}=T");
    for (target, fields) in [
        ("/a?x&access_token=T", &[][..]),
        ("/a?access_token=T&x&access_token=T", &[]),
        ("/a?access_token=T%20T&x", &[]),
        ("/a?access_token=T&x", &[("sec-fetch-mode", "navigate")]),
        ("/a?access_token=T&x", &[("authorization", "Bearer T")]),
        ("/a?access_token=T&x", &[("cookie", &*cookie)]),
    ] {
        let answer = ask(&layer, get(target, fields)).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        let seen: Vec<_> = targets.lock().unwrap().drain(..).collect();
        assert_eq!(seen, ["/a?x"], "{target} {fields:?}");
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

/// A page that such an answer becomes part of tells no other where it came from: RFC 6750 §5.3. What
/// the service inside says is meant.
#[tokio::test]
async fn answers_to_a_token_in_the_query_send_no_referrer() {
    let layer = waiting().with_cookie(cookie_name()).with_insecure_query();
    let policy = async |target: &str, fields: &[(&str, &str)]| {
        let answer = ask(&layer, get(target, fields)).await;
        expect_meera(&answer);
        let policies = answer.headers.get_all("referrer-policy").iter();
        policies
            .map(|policy| policy.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let target = "/?access_token=Meera";
    assert_eq!(policy(target, &[]).await, ["no-referrer"]);
    let own = policy(target, &[("x-referrer", "same-origin")]).await;
    assert_eq!(own, ["same-origin"]);
    let cookie = format!("{COOKIE}=Meera");
    assert!(policy("/", &[("cookie", &cookie)]).await.is_empty());
}
