//! RFC 7662 §2.1, §2.3: requests that are none, and stores that fail.

use std::sync::Arc;

use http::{Method, header};
use tower_oauth2_password::{
    MemoryClients, MemoryTokens, PasswordFlow,
    model::Subject,
    store::{Account, StoreError, UserStore},
    token::{Refresh, TokenError},
};

use crate::support::{
    FORM, User,
    clients::{backend, clients, flow_with_clients, introspect, log_in_with},
    fast,
    faulty::FaultyTokens,
    send,
    stores::FIRE,
    token_request, users,
};

const PHONE: &str = "&client_id=phone";
const OWN: &str = "&client_id=backend&client_secret=b4ckend-s3cret";

/// §2.3, §4: a store that failed has not said that a token is inactive.
#[tokio::test]
async fn a_failing_token_store_is_temporarily_unavailable() {
    let store = FaultyTokens::default();
    let flow = PasswordFlow::new(users(), store.clone())
        .with_hasher(fast())
        .with_clients(MemoryClients::new(clients()))
        .with_refresh(Refresh::default());
    let tokens = log_in_with(&flow, &[], OWN).await;
    for (token, verb) in [
        (&tokens.access, &["find_access"]),
        (&tokens.refresh, &["find_access"]),
        (&tokens.refresh, &["find_family"]),
    ] {
        store.fail(verb);
        let answer = introspect(&flow, token).await;
        answer.expect_unavailable();
        let error = answer.extensions.get::<TokenError>().unwrap();
        let logged = format!("the store could not be asked: {FIRE}");
        assert_eq!(error.to_string(), logged);
        store.fail(&[]);
        assert_eq!(introspect(&flow, token).await.json["active"], true);
    }
}

struct BrokenUsers;

impl UserStore for BrokenUsers {
    type User = User;

    async fn find_account(&self, _: &str) -> Result<Option<Account>, StoreError> {
        Err(StoreError::new(FIRE))
    }

    async fn find_user(&self, _: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        Err(StoreError::new(FIRE))
    }
}

/// §2.3, §4: nor has a user store. A token that is inactive by itself needs no user.
#[tokio::test]
async fn a_failing_user_store_is_temporarily_unavailable() {
    let store = MemoryTokens::new();
    let flow = PasswordFlow::new(users(), store.clone())
        .with_hasher(fast())
        .with_clients(MemoryClients::new(clients()))
        .with_refresh(Refresh::default());
    let tokens = log_in_with(&flow, &[], OWN).await;
    let broken = PasswordFlow::new(BrokenUsers, store).with_clients(MemoryClients::new(clients()));
    introspect(&broken, &tokens.access)
        .await
        .expect_unavailable();
    introspect(&broken, &tokens.refresh)
        .await
        .expect_unavailable();
    introspect(&broken, "unknown").await.expect_inactive();
}

/// §2.1: POST only. RFC 9110 §15.5.6: a 405 MUST come with `Allow`.
#[tokio::test]
async fn every_method_but_post_is_refused_with_the_allowed_one() {
    let (flow, _clock) = flow_with_clients();
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let mut request = token_request("token=x");
        *request.method_mut() = method;
        let field = backend().parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, field);
        let answer = send(flow.introspection_service(), request).await;
        answer.expect_error(405, "invalid_request", "a token request is a POST");
    }
}

/// §2.1: the body is `application/x-www-form-urlencoded`, `token` is required, and in the body;
/// RFC 6749 §3.2: once.
#[tokio::test]
async fn a_request_without_one_token_is_invalid() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], PHONE).await;
    let missing = "token is missing";
    let twice = "a parameter is there more than once";
    let media_type = "the body must be application/x-www-form-urlencoded";
    for (body, content_type, told) in [
        ("", FORM, missing),
        ("token=", FORM, missing),
        ("token_type_hint=access_token", FORM, missing),
        ("token=a&token=b", FORM, twice),
        ("token=a", "application/json", media_type),
    ] {
        let mut request = token_request(body);
        *request.uri_mut() = format!("/introspect?token={}", tokens.access)
            .parse()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, backend().parse().unwrap());
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        let answer = send(flow.introspection_service(), request).await;
        answer.expect_error(400, "invalid_request", told);
    }
}
