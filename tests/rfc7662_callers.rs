//! RFC 7662 §2.1, §2.3, §4: who may ask about a token.

use tower_oauth2_password::{MemoryClients, token::Refresh};

use crate::support::{
    Flow,
    clients::{
        BACKEND_SECRET, BILLING_SECRET, TWO_METHODS, backend, basic, billing, confidential,
        flow_with_clients, log_in_with, post_with, public,
    },
    flow, log_in,
};

const PHONE: &str = "&client_id=phone";

async fn ask(flow: &Flow, fields: &[&str], body: &str) -> crate::support::Answer {
    post_with(flow.introspection_service(), fields, body).await
}

/// §2.1: the endpoint MUST require authorization, or anybody could scan for tokens. §2.3: 401.
#[tokio::test]
async fn nobody_in_particular_may_not_ask() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], PHONE).await;
    for token in [&*tokens.access, &*tokens.refresh, "unknown", ""] {
        for more in ["", "&client_id=", "&client_id=&client_secret="] {
            let body = format!("token={token}{more}");
            ask(&flow, &[], &body).await.expect_challenge();
            ask(&flow, &["Basic Og=="], &body).await.expect_challenge();
        }
    }
}

/// §2.1: where clients are not known, none is authorized.
#[tokio::test]
async fn nobody_may_ask_where_clients_are_not_known() {
    let (flow, _clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    let tokens = log_in_with(&flow, &[], "").await;
    for token in [&*tokens.access, &*tokens.refresh, "unknown"] {
        let body = format!("token={token}");
        ask(&flow, &[], &body).await.expect_challenge();
        ask(&flow, &[&backend()], &body).await.expect_challenge();
        let body = format!("{body}&client_id=backend&client_secret={BACKEND_SECRET}");
        ask(&flow, &[], &body).await.expect_challenge();
    }
}

/// §2.1: a public client cannot prove who it is, so it may not ask, whatever it was set up for.
#[tokio::test]
async fn a_public_client_may_not_ask() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], PHONE).await;
    let phone = public("phone").with_introspection(true);
    let set_up = flow.clone().with_clients(MemoryClients::new([phone]));
    for flow in [flow, set_up] {
        let body = format!("token={}", tokens.access);
        ask(&flow, &[&basic("phone", "")], &body)
            .await
            .expect_challenge();
        ask(&flow, &[], &format!("{body}{PHONE}"))
            .await
            .expect_challenge();
    }
}

/// §2.1: a client that proved who it is and may not ask is `unauthorized_client` (RFC 6749 §5.2),
/// of its own tokens too.
#[tokio::test]
async fn a_confidential_client_may_ask_only_if_it_was_set_up_for_it() {
    let (flow, _clock) = flow_with_clients();
    let billing = billing();
    let tokens = log_in_with(&flow, &[&billing], "").await;
    for token in [&*tokens.access, &*tokens.refresh, "unknown", ""] {
        let body = format!("token={token}");
        let in_body = format!("{body}&client_id=billing&client_secret={BILLING_SECRET}");
        for answer in [
            ask(&flow, &[&billing], &body).await,
            ask(&flow, &[], &in_body).await,
        ] {
            let told = "the client may not do this";
            answer.expect_error(400, "unauthorized_client", told);
        }
    }
    // What was set can be taken back.
    let client = confidential("backend", BACKEND_SECRET)
        .with_introspection(true)
        .with_introspection(false);
    let flow = flow.with_clients(MemoryClients::new([client]));
    let answer = ask(&flow, &[&backend()], "token=x").await;
    answer.expect_error(400, "unauthorized_client", "the client may not do this");
}

/// §2.3: wrong credentials are 401, also those that stood in the body.
#[tokio::test]
async fn wrong_credentials_are_answered_with_a_challenge() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], PHONE).await;
    let body = format!("token={}", tokens.access);
    for field in [
        basic("backend", "wrong"),
        basic("backend", ""),
        basic("backend", BILLING_SECRET),
        basic("unknown", BACKEND_SECRET),
        "Basic !!!".to_owned(),
    ] {
        ask(&flow, &[&field], &body).await.expect_challenge();
    }
    for more in [
        "client_id=backend".to_owned(),
        "client_id=backend&client_secret=wrong".to_owned(),
        format!("client_id=backend&client_secret={BILLING_SECRET}"),
        format!("client_id=unknown&client_secret={BACKEND_SECRET}"),
        "client_id=phone&client_secret=x".to_owned(),
    ] {
        let body = format!("{body}&{more}");
        ask(&flow, &[], &body).await.expect_challenge();
    }
}

/// §2.1: the secret may stand in the body (RFC 6749 §2.3.1), but not in two places.
#[tokio::test]
async fn the_secret_may_stand_in_the_body() {
    let (flow, _clock) = flow_with_clients();
    let secret = format!("&client_secret={BACKEND_SECRET}");
    let body = format!("token=x&client_id=backend{secret}");
    assert_eq!(ask(&flow, &[], &body).await.body, r#"{"active":false}"#);
    let answer = ask(&flow, &[&backend()], &body).await;
    answer.expect_error(400, "invalid_request", TWO_METHODS);
    let answer = ask(&flow, &[], &format!("token=x{secret}")).await;
    answer.expect_error(400, "invalid_request", "client_id is missing");
}

/// §2.1 allows access tokens as authorization. Here they are none: a user's token does not say
/// that its holder may ask about others, not even about itself.
#[tokio::test]
async fn a_users_access_token_is_no_authorization() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[&backend()], "").await;
    let bearer = format!("Bearer {}", tokens.access);
    for token in [&*tokens.access, &*tokens.refresh, "unknown"] {
        let body = format!("token={token}");
        ask(&flow, &[&bearer], &body).await.expect_challenge();
        ask(&flow, &[&bearer], &format!("{body}{PHONE}"))
            .await
            .expect_challenge();
    }
    let (flow, _clock) = crate::support::flow();
    let bearer = format!("Bearer {}", log_in(&flow).await);
    ask(&flow, &[&bearer], "token=x").await.expect_challenge();
}
