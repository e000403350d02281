//! RFC 6749 §5.2, §6: what an authenticated client may do, and whose tokens are whose.

use tower_oauth2_password::{MemoryClients, store::Client, store::GrantType, token::Refresh};

use crate::support::{
    Answer, LOGIN,
    clients::{
        BACKEND_SECRET, BILLING_SECRET, backend, basic, billing, confidential, flow_with_client,
        flow_with_clients, is_alive, log_in_with, post_with, public,
    },
    flow,
};

const BOTH: Option<&str> = Some("items:read me");
const NOT_ALLOWED: &str = "the client may not do this";
const BAD_SCOPE: &str = "the scope is malformed or more than is allowed";

async fn log_in_as(client: Client, more: &str) -> Answer {
    let flow = flow_with_client(client);
    let form = format!("{LOGIN}&client_id=phone{more}");
    post_with(flow.token_service(), &[], form).await
}

/// §5.2: `unauthorized_client` for a grant that the client may not use, whatever the password.
#[tokio::test]
async fn a_client_without_the_password_grant_logs_nobody_in() {
    for grants in [vec![], vec![GrantType::RefreshToken]] {
        let client = public("phone").with_grants(grants);
        let answer = log_in_as(client.clone(), "").await;
        answer.expect_error(400, "unauthorized_client", NOT_ALLOWED);
        let flow = flow_with_client(client);
        let form = "grant_type=password&username=meera&password=wrong&client_id=phone";
        let answer = post_with(flow.token_service(), &[], form).await;
        answer.expect_error(400, "unauthorized_client", NOT_ALLOWED);
    }
}

/// RFC 9700 §4.14.2: whether a client gets refresh tokens is decided for each.
#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let client = public("phone").with_grants([GrantType::Password]);
    let answer = log_in_as(client, "").await;
    answer.expect_token(BOTH);
}

/// §5.2: `unauthorized_client` too where a refresh token is from before the grant was taken
/// away. It is not spent.
#[tokio::test]
async fn a_client_without_the_refresh_grant_cannot_use_a_refresh_token() {
    let (flow, _clock) = flow_with_clients();
    for (id, fields) in [("phone", &[][..]), ("backend", &[&*backend()])] {
        let id_field = if id == "phone" {
            "&client_id=phone"
        } else {
            ""
        };
        let tokens = log_in_with(&flow, fields, id_field).await;
        let clients = [
            public("phone").with_grants([GrantType::Password]),
            confidential("backend", BACKEND_SECRET).with_grants([GrantType::Password]),
        ];
        let strict = flow.clone().with_clients(MemoryClients::new(clients));
        for more in [id_field, ""] {
            let form = tokens.refresh_form() + more;
            let answer = post_with(strict.token_service(), fields, form).await;
            answer.expect_error(400, "unauthorized_client", NOT_ALLOWED);
        }
        assert!(is_alive(&flow, &tokens.access).await);
        let form = tokens.refresh_form() + id_field;
        let answer = post_with(flow.token_service(), fields, form).await;
        answer.expect_tokens(BOTH);
    }
}

/// §3.3: a client's tokens allow no more than the client may have, whatever its user may.
#[tokio::test]
async fn a_clients_scope_limits_its_logins() {
    let client = |scope: &str| public("phone").with_scope(scope.parse().unwrap());
    // Left out: what both may have.
    log_in_as(client("me"), "").await.expect_tokens(Some("me"));
    let answer = log_in_as(client("me admin"), "").await;
    answer.expect_tokens(Some("me"));
    log_in_as(client("admin"), "").await.expect_tokens(None);
    log_in_as(client("me items:read x"), "")
        .await
        .expect_tokens(BOTH);
    // Asked for.
    let answer = log_in_as(client("me"), "&scope=me").await;
    answer.expect_tokens(Some("me"));
    for (limit, asked) in [
        ("me", "items:read"),
        ("me", "me+items:read"),
        ("admin", "admin"),
        ("admin", "me"),
        ("me admin", "admin"),
    ] {
        let answer = log_in_as(client(limit), &format!("&scope={asked}")).await;
        answer.expect_error(400, "invalid_scope", BAD_SCOPE);
    }
}

/// §3.3, §6: the limit holds at a refresh too, also if it was set after the login. A refresh
/// that asks for too much does not spend the token.
#[tokio::test]
async fn a_clients_scope_limits_its_refreshes() {
    let (flow, _clock) = flow_with_clients();
    for (limit, asked, expected) in [
        ("me", "", Ok(Some("me"))),
        ("me", "&scope=me", Ok(Some("me"))),
        ("admin", "", Ok(None)),
        ("me", "&scope=items:read", Err(())),
        ("me", "&scope=me+items:read", Err(())),
        ("admin", "&scope=admin", Err(())),
        ("me admin", "&scope=admin", Err(())),
    ] {
        let tokens = log_in_with(&flow, &[], "&client_id=phone").await;
        let client = public("phone").with_scope(limit.parse().unwrap());
        let strict = flow.clone().with_clients(MemoryClients::new([client]));
        for id in ["&client_id=phone", ""] {
            let form = format!("{}{asked}{id}", tokens.refresh_form());
            let answer = post_with(strict.token_service(), &[], form).await;
            match expected {
                Ok(scope) => {
                    answer.expect_tokens(scope);
                    break;
                }
                Err(()) => answer.expect_error(400, "invalid_scope", BAD_SCOPE),
            }
        }
        if expected.is_err() {
            let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
            answer.expect_tokens(BOTH);
        }
    }
}

/// §5.2: who the client is comes before what it wants, so a stranger does not learn which grants
/// are offered.
#[tokio::test]
async fn a_grant_type_that_is_not_offered_is_unsupported_for_known_clients_only() {
    let (flow, _clock) = flow_with_clients();
    let wrong = basic("backend", "wrong");
    let form = "grant_type=client_credentials";
    let post = async |fields: &[&str], form: &str| {
        post_with(flow.token_service(), fields, form.to_owned()).await
    };
    post(&[&wrong], form).await.expect_challenge();
    post(&[], form).await.expect_bad_client();
    let unknown = format!("{form}&client_id=unknown");
    post(&[], &unknown).await.expect_bad_client();
    let known = format!("{form}&client_id=phone");
    for answer in [post(&[&backend()], form).await, post(&[], &known).await] {
        let told = "the grant type is not offered here";
        answer.expect_error(400, "unsupported_grant_type", told);
    }
}

/// §5.2: wrong credentials are that before anything that is wrong with the rest.
#[tokio::test]
async fn wrong_client_credentials_come_before_every_other_mistake() {
    let (flow, _clock) = flow_with_clients();
    let wrong = basic("backend", "wrong");
    for form in [
        "",
        "grant_type=password",
        "grant_type=password&username=meera&password=wrong",
        "grant_type=password&username=meera&password=secret123&scope=a++b",
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=x",
    ] {
        let answer = post_with(flow.token_service(), &[&wrong], form).await;
        answer.expect_challenge();
    }
}

/// §6: the refresh token MUST be bound to its client. Another client gets what an unknown token
/// gets, and has not spent it.
#[tokio::test]
async fn a_refresh_token_is_good_for_its_client_only() {
    let (flow, _clock) = flow_with_clients();
    let (backend, billing) = (backend(), billing());
    let phone = (&[][..], "&client_id=phone");
    let tablet = (&[][..], "&client_id=tablet");
    let backend = (&[&*backend][..], "");
    let billing = (&[&*billing][..], "");
    for (own, others) in [
        (backend, [billing, phone, tablet]),
        (phone, [backend, billing, tablet]),
    ] {
        let tokens = log_in_with(&flow, own.0, own.1).await;
        for (fields, more) in others {
            let form = tokens.refresh_form() + more;
            let answer = post_with(flow.token_service(), fields, form).await;
            answer.expect_bad_token();
        }
        assert!(is_alive(&flow, &tokens.access).await);
        let form = tokens.refresh_form() + own.1;
        let answer = post_with(flow.token_service(), own.0, form).await;
        answer.expect_tokens(BOTH);
    }
}

/// §6: a spent token of another client is not looked at either: a stranger with an old token
/// cannot end the login.
#[tokio::test]
async fn a_spent_token_in_the_hands_of_another_client_ends_nothing() {
    let (flow, _clock) = flow_with_clients();
    let backend = backend();
    let spent = log_in_with(&flow, &[&backend], "").await;
    let answer = post_with(flow.token_service(), &[&backend], spent.refresh_form()).await;
    let current = answer.expect_tokens(BOTH);

    let answer = post_with(flow.token_service(), &[&billing()], spent.refresh_form()).await;
    answer.expect_bad_token();
    let answer = post_with(flow.token_service(), &[], spent.refresh_form()).await;
    answer.expect_bad_client();

    assert!(is_alive(&flow, &current.access).await);
    let answer = post_with(flow.token_service(), &[&backend], spent.refresh_form()).await;
    answer.expect_bad_token();
    assert!(!is_alive(&flow, &current.access).await);
}

/// §3.2.1, §6: a confidential client MUST authenticate when it refreshes. The token is not spent
/// by whoever does not.
#[tokio::test]
async fn a_confidential_clients_token_needs_its_secret() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[&backend()], "").await;
    for more in [
        "",
        "&client_id=",
        "&client_id=backend",
        "&client_id=unknown",
    ] {
        let form = tokens.refresh_form() + more;
        let answer = post_with(flow.token_service(), &[], form).await;
        answer.expect_bad_client();
    }
    let answer = post_with(flow.token_service(), &["Basic Og=="], tokens.refresh_form()).await;
    answer.expect_bad_client();
    let wrong = basic("backend", BILLING_SECRET);
    let answer = post_with(flow.token_service(), &[&wrong], tokens.refresh_form()).await;
    answer.expect_challenge();

    let form = tokens.refresh_form() + "&client_id=backend&client_secret=" + BACKEND_SECRET;
    let answer = post_with(flow.token_service(), &[], form).await;
    answer.expect_tokens(BOTH);
}

/// §6: a public client proves nothing by its id, and requests-oauthlib leaves it out when it
/// refreshes.
#[tokio::test]
async fn a_public_clients_token_needs_no_client_id() {
    let (flow, _clock) = flow_with_clients();
    let first = log_in_with(&flow, &[], "&client_id=phone").await;
    let answer = post_with(flow.token_service(), &[], first.refresh_form()).await;
    let second = answer.expect_tokens(BOTH);
    // It stays the phone's.
    let form = second.refresh_form() + "&client_id=tablet";
    let answer = post_with(flow.token_service(), &[], form).await;
    answer.expect_bad_token();
    let form = second.refresh_form() + "&client_id=phone";
    let answer = post_with(flow.token_service(), &[], form).await;
    answer.expect_tokens(BOTH);
}

/// §6: a client that is no more has no tokens, by whichever name it comes.
#[tokio::test]
async fn the_tokens_of_a_client_that_was_removed_cannot_be_refreshed() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], "&client_id=phone").await;
    let removed = flow
        .clone()
        .with_clients(MemoryClients::new([public("tablet")]));
    for more in ["", "&client_id=phone"] {
        let form = tokens.refresh_form() + more;
        let answer = post_with(removed.token_service(), &[], form).await;
        answer.expect_bad_client();
    }
    let form = tokens.refresh_form() + "&client_id=tablet";
    let answer = post_with(removed.token_service(), &[], form).await;
    answer.expect_bad_token();
}

/// §3.2.1: a login from before clients were known belongs to none of them.
#[tokio::test]
async fn a_token_of_no_client_is_no_clients() {
    let (flow, _clock) = flow();
    let flow = flow.with_refresh(Refresh::default());
    let tokens = log_in_with(&flow, &[], "").await;
    let strict = flow
        .clone()
        .with_clients(MemoryClients::new([public("phone")]));
    let answer = post_with(strict.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_bad_client();
    let form = tokens.refresh_form() + "&client_id=phone";
    let answer = post_with(strict.token_service(), &[], form).await;
    answer.expect_bad_token();
    let answer = post_with(flow.token_service(), &[], tokens.refresh_form()).await;
    answer.expect_tokens(BOTH);
}
