//! RFC 7662: what a resource server learns about a token. Who may ask is in `rfc7662_callers`.

use std::time::Duration;

use tower_oauth2_password::{
    MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Clock, Subject},
    store::{TokenStore, UserStore},
    token::Refresh,
};

use crate::support::{
    Answer, NOON, User,
    clients::{
        BACKEND_SECRET, Tokens, backend, basic, clients, confidential, flow_with_client,
        flow_with_clients, introspect, is_alive, log_in_with, post_with,
    },
    fast, users,
};

const BOTH: Option<&str> = Some("items:read me");
const PHONE: &str = "&client_id=phone";
/// The client that asks: what it is told of refresh tokens is about its own.
const OWN: &str = "&client_id=backend&client_secret=b4ckend-s3cret";

async fn refresh<U, T>(flow: &PasswordFlow<U, T>, tokens: &Tokens, more: &str) -> Answer
where
    U: UserStore,
    T: TokenStore,
{
    let form = tokens.refresh_form() + more;
    post_with(flow.token_service(), &[], form).await
}

/// §2.2: what an active access token allows, to whom, and until when. §4: nobody may keep it.
#[tokio::test]
async fn an_access_token_is_described() {
    let (flow, clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], PHONE).await;
    let expected = r#"{"active":true,"scope":"items:read me","client_id":"phone","token_type":"Bearer","exp":46800,"iat":43200,"sub":"meera"}"#;
    introspect(&flow, &tokens.access)
        .await
        .expect_described(expected);
    // Asking changes nothing, and time only what is left.
    clock.advance(Duration::from_secs(3599));
    introspect(&flow, &tokens.access)
        .await
        .expect_described(expected);
}

/// §2.2: a refresh token has its own times and no `token_type`: it is none of RFC 6749 §7.1.
#[tokio::test]
async fn a_refresh_token_is_described_by_its_own_times() {
    let (flow, clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    introspect(&flow, &tokens.refresh).await.expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"backend","exp":1252800,"iat":43200,"sub":"meera"}"#,
    );

    clock.advance(Duration::from_secs(5000));
    let answer = refresh(&flow, &tokens, OWN).await;
    let tokens = answer.expect_tokens(BOTH);
    introspect(&flow, &tokens.refresh).await.expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"backend","exp":1257800,"iat":48200,"sub":"meera"}"#,
    );
    introspect(&flow, &tokens.access).await.expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"backend","token_type":"Bearer","exp":51800,"iat":48200,"sub":"meera"}"#,
    );
}

/// §2.2, RFC 6749 §6: a refresh that asks for less narrows its access token and not the login.
#[tokio::test]
async fn a_refresh_token_keeps_the_scope_of_the_login() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    let answer = refresh(&flow, &tokens, &format!("{OWN}&scope=me")).await;
    let tokens = answer.expect_tokens(Some("me"));
    introspect(&flow, &tokens.access).await.expect_described(
        r#"{"active":true,"scope":"me","client_id":"backend","token_type":"Bearer","exp":46800,"iat":43200,"sub":"meera"}"#,
    );
    introspect(&flow, &tokens.refresh).await.expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"backend","exp":1252800,"iat":43200,"sub":"meera"}"#,
    );
}

/// §2.2: `client_id` and `scope` are optional, and left out where there is none.
#[tokio::test]
async fn what_a_token_has_not_is_left_out() {
    let users = users()
        .with_user("arjun", "secret123", User::new("Arjun"))
        .unwrap();
    let flow = PasswordFlow::new(users, MemoryTokens::new())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default());
    let asked = flow.clone().with_clients(MemoryClients::new(clients()));
    let form = "grant_type=password&username=arjun&password=secret123";
    let answer = post_with(flow.token_service(), &[], form).await;
    let tokens = answer.expect_tokens(None);
    introspect(&asked, &tokens.access).await.expect_described(
        r#"{"active":true,"token_type":"Bearer","exp":46800,"iat":43200,"sub":"arjun"}"#,
    );
}

/// §4: a refresh token that a client presents to a resource server as a bearer must not pass there
/// for an access token, with all of the login's scope and life.
#[tokio::test]
async fn a_refresh_token_is_described_to_no_other_client() {
    let (flow, _clock) = flow_with_clients();
    let others = log_in_with(&flow, &[], PHONE).await;
    introspect(&flow, &others.refresh).await.expect_inactive();
    let own = log_in_with(&flow, &[], OWN).await;
    assert_eq!(introspect(&flow, &own.refresh).await.json["active"], true);
}

/// §2.2, RFC 8259 §7: a client's id may have a quote and a backslash, a subject any text.
#[tokio::test]
async fn the_answer_is_json_whatever_the_names() {
    let users = MemoryUsers::new()
        .with_hasher(fast())
        .with_user("\"é\\", "secret123", User::new("E"))
        .unwrap();
    let odd = confidential(r#"a"b\c"#, BACKEND_SECRET).with_introspection(true);
    let flow = PasswordFlow::new(users, MemoryTokens::new())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_clients(MemoryClients::new([odd]));
    let field = basic(r#"a"b\c"#, BACKEND_SECRET);
    let form = "grant_type=password&username=%22%C3%A9%5C&password=secret123";
    let answer = post_with(flow.token_service(), &[&field], form).await;
    let form = format!("token={}", answer.expect_token(None));
    let answer = post_with(flow.introspection_service(), &[&field], form).await;
    answer.expect_described(
        r#"{"active":true,"client_id":"a\"b\\c","token_type":"Bearer","exp":46800,"iat":43200,"sub":"\"é\\"}"#,
    );
}

/// §2.2: `{"active":false}` and nothing else for a token that is none.
#[tokio::test]
async fn an_unknown_or_malformed_token_is_inactive() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    let mut other = tokens.refresh.clone();
    let last = if other.ends_with('A') { "B" } else { "A" };
    other.replace_range(63.., last);
    for token in [
        "unknown",
        "a+b",
        "%C3%A9",
        "=",
        &tokens.access[1..],
        &tokens.refresh[..63],
        &other,
        &format!("+{}", tokens.access),
        &format!("{}=", tokens.access),
        &"A".repeat(43),
        &"A".repeat(64),
        &"A".repeat(4096),
    ] {
        introspect(&flow, token).await.expect_inactive();
    }
    // Asking about a token is not presenting it: nothing was taken for a replay.
    assert!(is_alive(&flow, &tokens.access).await);
    refresh(&flow, &tokens, OWN).await.expect_tokens(BOTH);
}

/// §4: expiry is checked, to the second.
#[tokio::test]
async fn a_token_is_inactive_from_the_second_it_expires() {
    let (flow, clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    let active = async |token: &str| {
        let answer = introspect(&flow, token).await;
        let active = answer.json["active"].as_bool().unwrap();
        if !active {
            answer.expect_inactive();
        }
        active
    };
    clock.advance(Duration::from_secs(3599));
    assert!(active(&tokens.access).await);
    clock.advance(Duration::from_secs(1));
    assert!(!active(&tokens.access).await);
    clock.advance(Duration::from_secs(14 * 86_400 - 3600 - 1));
    assert!(active(&tokens.refresh).await);
    clock.advance(Duration::from_secs(1));
    assert!(!active(&tokens.refresh).await);
}

/// §4: revocation is checked.
#[tokio::test]
async fn a_revoked_token_is_inactive() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    let revoke = async |token: &str| {
        let form = format!("token={token}{OWN}");
        let answer = post_with(flow.revocation_service(), &[], form).await;
        answer.expect_revoked();
    };
    revoke(&tokens.access).await;
    introspect(&flow, &tokens.access).await.expect_inactive();
    assert_eq!(
        introspect(&flow, &tokens.refresh).await.json["active"],
        true
    );
    revoke(&tokens.refresh).await;
    introspect(&flow, &tokens.refresh).await.expect_inactive();
}

/// §4: a spent refresh token is over, even while a grace window would answer it once more.
/// Asking about it is no replay.
#[tokio::test]
async fn a_spent_refresh_token_is_inactive() {
    for grace in [0, 10] {
        let (flow, _clock) = flow_with_clients();
        let policy = Refresh::default().with_grace(Duration::from_secs(grace));
        let flow = flow.with_refresh(policy);
        let first = log_in_with(&flow, &[], OWN).await;
        let answer = refresh(&flow, &first, OWN).await;
        let second = answer.expect_tokens(BOTH);

        introspect(&flow, &first.refresh).await.expect_inactive();
        assert_eq!(introspect(&flow, &first.access).await.json["active"], true);
        assert_eq!(introspect(&flow, &second.access).await.json["active"], true);
        assert_eq!(
            introspect(&flow, &second.refresh).await.json["active"],
            true
        );
        refresh(&flow, &second, OWN).await.expect_tokens(BOTH);
    }
}

/// §4: a token of a user who is disabled is no good, so it is not active, and is again when the
/// user is.
#[tokio::test]
async fn a_disabled_users_token_is_inactive() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new())
        .with_hasher(fast())
        .with_clients(MemoryClients::new(clients()))
        .with_refresh(Refresh::default());
    let tokens = log_in_with(&flow, &[], OWN).await;
    let subject = Subject::new("meera").unwrap();
    assert!(users.set_enabled(&subject, false));
    introspect(&flow, &tokens.access).await.expect_inactive();
    introspect(&flow, &tokens.refresh).await.expect_inactive();
    assert!(users.set_enabled(&subject, true));
    assert_eq!(introspect(&flow, &tokens.access).await.json["active"], true);
    assert_eq!(
        introspect(&flow, &tokens.refresh).await.json["active"],
        true
    );
}

/// §2.1: a hint may be wrong; then all other types MUST be searched too.
#[tokio::test]
async fn a_wrong_hint_does_not_matter() {
    let (flow, _clock) = flow_with_clients();
    let tokens = log_in_with(&flow, &[], OWN).await;
    for token in [&tokens.access, &tokens.refresh] {
        let expected = introspect(&flow, token).await;
        assert_eq!(expected.json["active"], true);
        for hint in ["access_token", "refresh_token", "id_token", "%20", ""] {
            let hinted = format!("{token}&token_type_hint={hint}");
            let answer = introspect(&flow, &hinted).await;
            assert_eq!(answer.body, expected.body, "{hint}");
        }
    }
}

/// §2.2: a resource server asks about the tokens of all clients, its own among them.
#[tokio::test]
async fn a_client_may_ask_about_its_own_tokens_too() {
    let client = confidential("backend", BACKEND_SECRET).with_introspection(true);
    let flow = flow_with_client(client);
    let tokens = log_in_with(&flow, &[&backend()], "").await;
    let answer = introspect(&flow, &tokens.access).await;
    assert_eq!(answer.json["client_id"], "backend");
}
