//! RFC 7009 §2.1: a client revokes its own tokens, and no others.

use crate::support::{
    Flow,
    clients::{
        BACKEND_SECRET, TWO_METHODS, backend, basic, billing, flow_with_clients, is_alive,
        log_in_with, post_with,
    },
};

const BOTH: Option<&str> = Some("items:read me");
const PHONE: (&[&str], &str) = (&[], "&client_id=phone");
const TABLET: (&[&str], &str) = (&[], "&client_id=tablet");
const NOBODY: (&[&str], &str) = (&[], "");

async fn revoke(flow: &Flow, caller: (&[&str], &str), token: &str) -> crate::support::Answer {
    let form = format!("token={token}{}", caller.1);
    post_with(flow.revocation_service(), caller.0, form).await
}

/// §2.1: a client may revoke what was issued to it.
#[tokio::test]
async fn a_client_revokes_its_own_tokens() {
    let (flow, _clock) = flow_with_clients();
    let backend = backend();
    for caller in [(&[&*backend][..], ""), PHONE] {
        let first = log_in_with(&flow, caller.0, caller.1).await;
        revoke(&flow, caller, &first.access).await.expect_revoked();
        assert!(!is_alive(&flow, &first.access).await);
        let form = first.refresh_form() + caller.1;
        let answer = post_with(flow.token_service(), caller.0, form).await;
        let second = answer.expect_tokens(BOTH);
        // The spent one is its own too.
        revoke(&flow, caller, &first.refresh).await.expect_revoked();
        assert!(!is_alive(&flow, &second.access).await);
        let form = second.refresh_form() + caller.1;
        let answer = post_with(flow.token_service(), caller.0, form).await;
        answer.expect_bad_token();
    }
}

/// §2.1: whether the token was issued to the caller is verified; if not, it is refused, and the
/// token works on.
#[tokio::test]
async fn a_client_cannot_revoke_the_tokens_of_another() {
    let (flow, _clock) = flow_with_clients();
    let (backend, billing) = (backend(), billing());
    let backend = (&[&*backend][..], "");
    let billing = (&[&*billing][..], "");
    for (owner, others) in [
        (backend, [billing, PHONE, TABLET]),
        (PHONE, [backend, billing, TABLET]),
    ] {
        let first = log_in_with(&flow, owner.0, owner.1).await;
        let form = first.refresh_form() + owner.1;
        let answer = post_with(flow.token_service(), owner.0, &*form).await;
        let second = answer.expect_tokens(BOTH);
        for caller in others {
            for token in [
                &first.access,
                &first.refresh,
                &second.access,
                &second.refresh,
            ] {
                revoke(&flow, caller, token).await.expect_bad_token();
            }
        }
        assert!(is_alive(&flow, &first.access).await);
        assert!(is_alive(&flow, &second.access).await);
        let form = second.refresh_form() + owner.1;
        let answer = post_with(flow.token_service(), owner.0, form).await;
        answer.expect_tokens(BOTH);
    }
}

/// §2.1: the client's credentials come first, whatever the token.
#[tokio::test]
async fn wrong_client_credentials_revoke_nothing() {
    let (flow, _clock) = flow_with_clients();
    let wrong = basic("backend", "wrong");
    let backend = backend();
    let own = log_in_with(&flow, &[&backend], "").await;
    let phones = log_in_with(&flow, PHONE.0, PHONE.1).await;
    for token in [
        &own.access,
        &own.refresh,
        &phones.access,
        &phones.refresh,
        "unknown",
        "",
    ] {
        let answer = revoke(&flow, (&[&wrong], ""), token).await;
        answer.expect_challenge();
        for body in [
            "backend",
            "unknown",
            "backend&client_secret=wrong",
            "phone&client_secret=x",
        ] {
            let body = format!("&client_id={body}");
            let answer = revoke(&flow, (&[], &body), token).await;
            answer.expect_bad_client();
        }
        let more = format!("&client_secret={BACKEND_SECRET}");
        let answer = revoke(&flow, (&[&backend], &more), token).await;
        answer.expect_error(400, "invalid_request", TWO_METHODS);
    }
    assert!(is_alive(&flow, &own.access).await);
    assert!(is_alive(&flow, &phones.access).await);
}

/// §2.1: a confidential client MUST authenticate; a stranger who found its token cannot end the
/// login.
#[tokio::test]
async fn a_confidential_clients_token_needs_its_secret() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[&backend()], "").await;
    let empty_basic = (&["Basic Og=="][..], "");
    for token in [&tokens.access, &tokens.refresh] {
        for caller in [NOBODY, empty_basic, (&[], "&client_id=&client_secret=")] {
            revoke(&flow, caller, token).await.expect_bad_client();
        }
        // Not even who it was logged in as says more.
        let bearer = format!("Bearer {}", tokens.access);
        revoke(&flow, (&[&bearer], ""), token)
            .await
            .expect_bad_client();
    }
    assert!(is_alive(&flow, &tokens.access).await);

    let own = format!("&client_id=backend&client_secret={BACKEND_SECRET}");
    revoke(&flow, (&[], &own), &tokens.refresh)
        .await
        .expect_revoked();
    assert!(!is_alive(&flow, &tokens.access).await);
}

/// §2.1: a public client proves nothing by its id, so it may leave it out.
#[tokio::test]
async fn a_public_clients_token_needs_no_client_id() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, PHONE.0, PHONE.1).await;
    revoke(&flow, NOBODY, &tokens.access).await.expect_revoked();
    assert!(!is_alive(&flow, &tokens.access).await);
    revoke(&flow, NOBODY, &tokens.refresh)
        .await
        .expect_revoked();
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_bad_token();
}

/// §2.2: 200 for a token that nobody knows, whoever asks.
#[tokio::test]
async fn a_token_that_nobody_knows_is_revoked_already() {
    let (flow, _clock) = flow_with_clients();
    let backend = backend();
    for caller in [NOBODY, PHONE, (&[&*backend][..], "")] {
        for token in ["unknown", "a+b", &"A".repeat(64)] {
            revoke(&flow, caller, token).await.expect_revoked();
        }
    }
}
