//! RFC 6749 §3.3, what a token allows: the scope that was asked for, or all of the account's.

use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::{BearerToken, Lifetime, Session, Subject},
    store::TokenStore,
};

use crate::support::{
    Counting, LOGIN, NOON, User, fast, flow, post_form, send, token_request, users,
};

const BOTH: Option<&str> = Some("items:read me");
const BAD_SCOPE: &str = "the scope is malformed or more than is allowed";

/// §3.3: without a scope the answer is a documented default: all that the account may have.
#[tokio::test]
async fn a_request_without_a_scope_gets_all_of_the_accounts() {
    post_form(LOGIN).await.expect_token(BOTH);
}

/// §3.3: a narrower scope is granted exactly, to the client and in the session that is kept.
#[tokio::test]
async fn a_narrower_scope_is_granted_exactly() {
    let tokens = MemoryTokens::new();
    let (_, clock) = flow();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(clock);

    let answer = send(
        flow.token_service(),
        token_request(format!("{LOGIN}&scope=items:read")),
    )
    .await;

    let token = answer.expect_token(Some("items:read"));
    let digest = BearerToken::parse(token).unwrap().digest();
    let kept = tokens.find_access(digest).await.unwrap().unwrap();
    let meera = Subject::new("meera").unwrap();
    let expected = Session::new(meera, NOON, NOON + Lifetime::HOUR)
        .with_scope("items:read".parse().unwrap())
        .with_family(kept.family().unwrap());
    assert_eq!(kept, expected);
}

/// §3.3: the order of scope-tokens does not matter, nor does one that is there twice.
#[tokio::test]
async fn scope_tokens_have_no_order() {
    for scope in ["me+items:read", "items:read+me", "me%20items%3Aread+me"] {
        let answer = post_form(format!("{LOGIN}&scope={scope}")).await;
        answer.expect_token(BOTH);
    }
}

/// §3.3, §5.2: a scope beyond the account's, even in one token or in case, is an invalid scope.
#[tokio::test]
async fn a_wider_scope_is_an_invalid_scope() {
    for scope in [
        "admin",
        "me+admin",
        "me+items:read+admin",
        "ME",
        "items:rea",
        "items",
    ] {
        let answer = post_form(format!("{LOGIN}&scope={scope}")).await;
        answer.expect_error(400, "invalid_scope", BAD_SCOPE);
    }
    let users = users().with_user("arjun", "hunter22", User::new("Arjun"));
    let flow = PasswordFlow::new(users.unwrap(), MemoryTokens::new()).with_hasher(fast());
    let body = "grant_type=password&username=arjun&password=hunter22&scope=me";
    let answer = send(flow.token_service(), token_request(body)).await;
    answer.expect_error(400, "invalid_scope", BAD_SCOPE);
}

/// §3.3, §5.2: what an account may have is told only to those who know its password.
#[tokio::test]
async fn a_wider_scope_with_a_wrong_password_is_an_invalid_grant() {
    for scope in ["me", "admin"] {
        let body = format!("grant_type=password&username=meera&password=x&scope={scope}");
        let answer = post_form(body).await;
        answer.expect_error(
            400,
            "invalid_grant",
            "the username or the password is wrong",
        );
    }
}

/// What no scope is by the grammar of §3.3.
const MALFORMED_SCOPES: [&str; 10] = [
    "me++items:read",
    "+me",
    "me+",
    "+",
    "me%09items:read",
    "%22me%22",
    "me%5C",
    "m%C3%A9",
    "%C2%A0",
    "me%09",
];

/// §3.3: `scope-token *( SP scope-token )`; anything else is an invalid scope.
#[tokio::test]
async fn a_malformed_scope_is_an_invalid_scope() {
    for scope in MALFORMED_SCOPES {
        let answer = post_form(format!("{LOGIN}&scope={scope}")).await;
        answer.expect_error(400, "invalid_scope", BAD_SCOPE);
    }
}

/// §3.3: a malformed scope is plain before any password is looked at, so no hash is made for it.
#[tokio::test]
async fn a_malformed_scope_is_refused_before_hashing() {
    let hasher = Counting::default();
    let (flow, _) = flow();
    let flow = flow.with_hasher(hasher.clone());
    for scope in MALFORMED_SCOPES {
        let request = token_request(format!("{LOGIN}&scope={scope}"));
        let answer = send(flow.token_service(), request).await;
        answer.expect_error(400, "invalid_scope", BAD_SCOPE);
    }
    assert_eq!(hasher.hashes_made(), 0);
}
