//! RFC 7009: a client ends a login, or one token of it. Who may do that is in `rfc7009_clients`.

use std::time::Duration;

use http::{Method, header};
use tower_oauth2_password::{
    MemoryUsers, PasswordFlow,
    model::{Clock, Subject},
    token::Refresh,
};

use crate::support::{
    Flow, NOON, User,
    clients::{Tokens, is_alive, log_in_with, post_with},
    fast,
    faulty::FaultyTokens,
    flow, log_in, send, token_request, users,
};

const BOTH: Option<&str> = Some("items:read me");

fn refreshing_flow() -> (Flow, Clock) {
    let (flow, clock) = flow();
    (flow.with_refresh(Refresh::default()), clock)
}

async fn revoke(flow: &Flow, token: &str) {
    let answer = post_with(flow.revocation_service(), &[], format!("token={token}")).await;
    answer.expect_revoked();
}

async fn refresh(flow: &Flow, tokens: &Tokens) -> Tokens {
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_tokens(BOTH)
}

async fn expect_dead(flow: &Flow, tokens: &Tokens) {
    assert!(!is_alive(flow, &tokens.access).await);
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_bad_token();
}

async fn logins(flow: &Flow) -> usize {
    let subject = Subject::new("meera").unwrap();
    flow.families(&subject).await.unwrap().len()
}

/// §2.1: the client MUST use POST. RFC 9110 §15.5.6: a 405 MUST come with `Allow`.
#[tokio::test]
async fn every_method_but_post_is_refused_with_the_allowed_one() {
    let (flow, _clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let mut request = token_request(format!("token={}", tokens.refresh));
        *request.method_mut() = method;
        let answer = send(flow.revocation_service(), request).await;
        answer.expect_error(405, "invalid_request", "a token request is a POST");
    }
    assert!(is_alive(&flow, &tokens.access).await);
}

/// §2.1: the body is `application/x-www-form-urlencoded`.
#[tokio::test]
async fn a_body_that_is_no_form_is_an_invalid_request() {
    let (flow, _clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    for media_type in ["application/json", "text/plain", "multipart/form-data"] {
        let mut request = token_request(format!("token={}", tokens.refresh));
        let media_type = media_type.parse().unwrap();
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        let answer = send(flow.revocation_service(), request).await;
        let told = "the body must be application/x-www-form-urlencoded";
        answer.expect_error(400, "invalid_request", told);
    }
    assert!(is_alive(&flow, &tokens.access).await);
}

/// §2.1: `token` is required, and in the body, not in the URI.
#[tokio::test]
async fn a_missing_token_is_an_invalid_request() {
    let (flow, _clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    for body in [
        "",
        "token=",
        "token",
        "token_type_hint=refresh_token",
        "Token=x",
    ] {
        let mut request = token_request(body);
        *request.uri_mut() = format!("/revoke?token={}", tokens.refresh).parse().unwrap();
        let answer = send(flow.revocation_service(), request).await;
        answer.expect_error(400, "invalid_request", "token is missing");
    }
    assert!(is_alive(&flow, &tokens.access).await);
}

/// RFC 6749 §3.2: no parameter MUST be there more than once.
#[tokio::test]
async fn a_token_that_is_there_twice_is_an_invalid_request() {
    let (flow, _clock) = refreshing_flow();
    let Tokens { access, refresh } = log_in_with(&flow, &[], "").await;
    for body in [
        format!("token={access}&token={refresh}"),
        format!("token={access}&token={access}"),
        format!("token={access}&token="),
        format!("token={access}&token_type_hint=a&token_type_hint=b"),
    ] {
        let answer = post_with(flow.revocation_service(), &[], body).await;
        let told = "a parameter is there more than once";
        answer.expect_error(400, "invalid_request", told);
    }
    assert!(is_alive(&flow, &access).await);
}

/// §2.1: a refresh token MUST be revocable, at once, and its access tokens SHOULD go with it.
/// §2.2: the answer is 200, whose body is empty.
#[tokio::test]
async fn a_revoked_refresh_token_takes_the_whole_login_with_it() {
    let (flow, _clock) = refreshing_flow();
    let other = log_in_with(&flow, &[], "").await;
    let first = log_in_with(&flow, &[], "").await;
    let second = refresh(&flow, &first).await;
    assert!(is_alive(&flow, &first.access).await);
    assert!(is_alive(&flow, &second.access).await);
    assert_eq!(logins(&flow).await, 2);

    revoke(&flow, &second.refresh).await;

    expect_dead(&flow, &second).await;
    expect_dead(&flow, &first).await;
    // Another login of the same user goes on.
    assert_eq!(logins(&flow).await, 1);
    assert!(is_alive(&flow, &other.access).await);
    refresh(&flow, &other).await;
}

/// §2.1: so does a spent refresh token: a client that lost the answer to its last refresh can
/// still log out.
#[tokio::test]
async fn a_spent_refresh_token_ends_the_login() {
    let (flow, _clock) = refreshing_flow();
    let first = log_in_with(&flow, &[], "").await;
    let second = refresh(&flow, &first).await;
    let third = refresh(&flow, &second).await;

    revoke(&flow, &first.refresh).await;

    for tokens in [first, second, third] {
        expect_dead(&flow, &tokens).await;
    }
    assert_eq!(logins(&flow).await, 0);
}

/// §2.1: an access token goes alone: the login, its refresh token and its other access tokens
/// stay.
#[tokio::test]
async fn a_revoked_access_token_goes_alone_where_the_login_can_be_refreshed() {
    let (flow, _clock) = refreshing_flow();
    let first = log_in_with(&flow, &[], "").await;
    let second = refresh(&flow, &first).await;

    revoke(&flow, &first.access).await;

    assert!(!is_alive(&flow, &first.access).await);
    assert!(is_alive(&flow, &second.access).await);
    revoke(&flow, &second.access).await;
    assert!(!is_alive(&flow, &second.access).await);
    assert_eq!(logins(&flow).await, 1);
    let third = refresh(&flow, &second).await;
    assert!(is_alive(&flow, &third.access).await);
}

/// §2.1: where there is nothing else of it, the login is over with its access token.
#[tokio::test]
async fn a_revoked_access_token_ends_a_login_that_cannot_be_refreshed() {
    let (flow, _clock) = flow();
    let other = log_in(&flow).await;
    let access = log_in(&flow).await;
    assert_eq!(logins(&flow).await, 2);

    revoke(&flow, &access).await;

    assert!(!is_alive(&flow, &access).await);
    assert_eq!(logins(&flow).await, 1);
    assert!(is_alive(&flow, &other).await);
    revoke(&flow, &other).await;
    assert_eq!(logins(&flow).await, 0);
}

/// §2.2: a token that is none is 200 too, as the client has what it wants.
#[tokio::test]
async fn a_token_that_nobody_knows_is_revoked_already() {
    let (flow, _clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    let cut = &tokens.refresh[..63];
    for token in [
        "unknown",
        "a+b",
        "%C3%A9",
        "%26",
        "=",
        cut,
        &"A".repeat(43),
        &"A".repeat(64),
        &"A".repeat(4096),
    ] {
        revoke(&flow, token).await;
    }
    assert!(is_alive(&flow, &tokens.access).await);
    refresh(&flow, &tokens).await;
}

/// §2.2: as is one that was revoked before.
#[tokio::test]
async fn a_token_can_be_revoked_again() {
    let (flow, _clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    for token in [
        &tokens.access,
        &tokens.access,
        &tokens.refresh,
        &tokens.refresh,
        &tokens.access,
    ] {
        revoke(&flow, token).await;
    }
    expect_dead(&flow, &tokens).await;
}

/// §2.2: and one that has expired. The login goes on with the tokens that have not.
#[tokio::test]
async fn an_expired_token_is_revoked_already() {
    let (flow, clock) = refreshing_flow();
    let tokens = log_in_with(&flow, &[], "").await;
    clock.advance(Duration::from_secs(3600));
    revoke(&flow, &tokens.access).await;
    assert_eq!(logins(&flow).await, 1);
    let tokens = refresh(&flow, &tokens).await;
    clock.advance(Duration::from_secs(14 * 86_400));
    revoke(&flow, &tokens.refresh).await;
    revoke(&flow, &tokens.access).await;
    expect_dead(&flow, &tokens).await;
    assert_eq!(logins(&flow).await, 0);
}

/// §2.1: the hint MAY be ignored; a token that it does not lead to MUST be searched for among
/// all types.
#[tokio::test]
async fn a_wrong_hint_does_not_matter() {
    let (flow, _clock) = refreshing_flow();
    for hint in ["access_token", "refresh_token", "id_token", "%20", ""] {
        let tokens = log_in_with(&flow, &[], "").await;
        revoke(&flow, &format!("{}&token_type_hint={hint}", tokens.access)).await;
        assert!(!is_alive(&flow, &tokens.access).await, "{hint}");
        let tokens = refresh(&flow, &tokens).await;
        revoke(&flow, &format!("{}&token_type_hint={hint}", tokens.refresh)).await;
        expect_dead(&flow, &tokens).await;
    }
}

fn faulty_flow() -> (PasswordFlow<MemoryUsers<User>, FaultyTokens>, FaultyTokens) {
    let tokens = FaultyTokens::default();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON));
    (flow, tokens)
}

/// §2.2.1: 503 means that the token still works and that the client has to try again, after
/// `Retry-After`.
#[tokio::test]
async fn a_failing_store_means_that_nothing_was_revoked() {
    let (flow, store) = faulty_flow();
    let flow = flow.with_refresh(Refresh::default());
    let mut tokens = log_in_with(&flow, &[], "").await;
    for (token, verbs) in [
        (&tokens.refresh.clone(), &["find_access"][..]),
        (&tokens.refresh.clone(), &["find_family"]),
        (&tokens.refresh.clone(), &["revoke_family"]),
        (&tokens.access.clone(), &["find_access"]),
        (&tokens.access.clone(), &["find_family"]),
        (&tokens.access.clone(), &["revoke_access"]),
    ] {
        store.fail(verbs);
        let form = format!("token={token}");
        let answer = post_with(flow.revocation_service(), &[], &*form).await;
        answer.expect_unavailable();
        assert_eq!(answer.header("retry-after"), Some("1"));

        store.fail(&[]);
        assert!(is_alive(&flow, &tokens.access).await, "{verbs:?}");
    }
    let first = tokens.clone();
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    tokens = answer.expect_tokens(BOTH);
    let form = format!("token={}", tokens.refresh);
    let answer = post_with(flow.revocation_service(), &[], form).await;
    answer.expect_revoked();
    assert!(!is_alive(&flow, &tokens.access).await);
    assert!(!is_alive(&flow, &first.access).await);
}

/// §2.2.1: nor is half of it, where the login goes with its access token: the second try ends
/// what the first one did not.
#[tokio::test]
async fn a_store_that_fails_half_way_leaves_no_login_behind() {
    let (flow, store) = faulty_flow();
    let subject = Subject::new("meera").unwrap();
    for verbs in [
        &["find_access"][..],
        &["find_family"],
        &["revoke_family"],
        &["find_family", "revoke_family"],
    ] {
        let login = token_request(crate::support::LOGIN);
        let answer = send(flow.token_service(), login).await;
        let access = answer.expect_token(BOTH);
        let form = format!("token={access}");
        store.fail(verbs);
        let answer = post_with(flow.revocation_service(), &[], &*form).await;
        answer.expect_unavailable();

        store.fail(&[]);
        assert!(is_alive(&flow, access).await, "{verbs:?}");
        let answer = post_with(flow.revocation_service(), &[], &*form).await;
        answer.expect_revoked();
        assert!(!is_alive(&flow, access).await);
        assert_eq!(flow.families(&subject).await.unwrap().len(), 0, "{verbs:?}");
    }
}

/// §2.1: at once, and for good: a grace window gives a revoked login nothing either.
#[tokio::test]
async fn a_grace_window_closes_with_the_login() {
    let (flow, _clock) = flow();
    let grace = Refresh::default().with_grace(Duration::from_secs(10));
    let flow = flow.with_refresh(grace);
    let first = log_in_with(&flow, &[], "").await;
    let second = refresh(&flow, &first).await;
    assert_eq!(refresh(&flow, &first).await.refresh, second.refresh);
    revoke(&flow, &second.refresh).await;
    expect_dead(&flow, &first).await;
    expect_dead(&flow, &second).await;
}
