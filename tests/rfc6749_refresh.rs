//! RFC 6749 §6, the refresh grant: one test per requirement on the request, its answer, the scope,
//! and on what must not cost anybody the login.

use std::sync::Arc;

use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Clock, RefreshToken, Subject, TokenPrefix},
    store::{Account, StoreError, UserStore},
    token::Refresh,
};

use crate::support::{
    NOON, User, fast, flow, log_in,
    refresh::{
        SCOPE, Script, ScriptedTokens, call_api, first_pair, meera, refresh, refresh_with,
        refreshing,
    },
    send,
    stores::FIRE,
    token_request, users,
};

const MALFORMED_OR_TOO_WIDE: &str = "the scope is malformed or more than is allowed";

/// §5.1, §6: 200 with `access_token`, `token_type`, `expires_in` as a number, `refresh_token` and
/// `scope`, not to be stored, for the login and for the refresh. Both new tokens are new.
#[tokio::test]
async fn a_refresh_is_answered_with_a_new_pair_as_json() {
    let (flow, _) = refreshing(Refresh::default());
    let login = send(flow.token_service(), token_request(crate::support::LOGIN)).await;
    let first = login.expect_pair(3600, Some(SCOPE));

    let second = refresh(&flow, &first.refresh).await;
    let second = second.expect_pair(3600, Some(SCOPE));

    assert_ne!(second.access, first.access);
    assert_ne!(second.refresh, first.refresh);
    call_api(&flow, &second.access).await.expect_let_in();
    let third = refresh(&flow, &second.refresh).await;
    third.expect_pair(3600, Some(SCOPE));
}

/// §6: the new access token stands beside the old one, which lives until it expires.
#[tokio::test]
async fn a_refresh_leaves_the_access_token_before_it_alone() {
    let (flow, _) = refreshing(Refresh::default());
    let first = first_pair(&flow).await;
    refresh(&flow, &first.refresh).await.pair();
    call_api(&flow, &first.access).await.expect_let_in();
}

/// §10.10: a refresh token is 64 characters behind its prefix, and so is its successor.
#[tokio::test]
async fn a_token_prefix_stands_before_all_tokens_of_a_refresh() {
    let (flow, _) = refreshing(Refresh::default());
    let flow = flow.with_token_prefix(TokenPrefix::new("acme_").unwrap());
    let mut pair = first_pair(&flow).await;
    for _ in 0..3 {
        pair = refresh(&flow, &pair.refresh).await.pair();
        assert_eq!(pair.access.strip_prefix("acme_").unwrap().len(), 43);
        assert_eq!(pair.refresh.strip_prefix("acme_").unwrap().len(), 64);
    }
}

/// §6: a login outlives a change of the prefix.
#[tokio::test]
async fn a_refresh_token_from_before_a_change_of_the_prefix_is_still_good() {
    let (flow, _) = refreshing(Refresh::default());
    let first = first_pair(&flow).await;
    let flow = flow.with_token_prefix(TokenPrefix::new("acme_").unwrap());
    let second = refresh(&flow, &first.refresh).await.pair();
    assert_eq!(second.refresh.strip_prefix("acme_").unwrap().len(), 64);
    refresh(&flow, &second.refresh).await.pair();
}

/// §5.1, §5.2; RFC 9700 §4.14.2: whether there are refresh tokens is the server's choice, and by
/// default there are none.
#[tokio::test]
async fn without_refresh_there_is_no_refresh_token_and_no_refresh_grant() {
    let (flow, _) = flow();
    let login = send(flow.token_service(), token_request(crate::support::LOGIN)).await;
    login.expect_token(Some(SCOPE));

    let answer = refresh(&flow, &login.json["access_token"].to_string()).await;

    let description = "the grant type is not offered here";
    answer.expect_error(400, "unsupported_grant_type", description);
}

/// §6, §5.2: `refresh_token` is required; §3.2: one without a value counts as left out, and twice
/// is too often.
#[tokio::test]
async fn a_refresh_without_one_refresh_token_is_an_invalid_request() {
    let (flow, _) = refreshing(Refresh::default());
    for form in [
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=",
        "grant_type=refresh_token&refresh_token",
        "grant_type=refresh_token&Refresh_Token=x",
    ] {
        let answer = send(flow.token_service(), token_request(form)).await;
        answer.expect_error(400, "invalid_request", "refresh_token is missing");
    }
    let twice = "grant_type=refresh_token&refresh_token=x&refresh_token=x";
    let answer = send(flow.token_service(), token_request(twice)).await;
    let description = "a parameter is there more than once";
    answer.expect_error(400, "invalid_request", description);
}

/// §5.2: `invalid_grant`, as 400 and without a challenge, for what is no refresh token, or one of
/// nobody, or an access token, even if that is long enough to be taken for one.
#[tokio::test]
async fn what_is_no_refresh_token_is_an_invalid_grant() {
    let (flow, _) = refreshing(Refresh::default());
    let flow = flow.with_token_prefix(TokenPrefix::new("a".repeat(32)).unwrap());
    let pair = first_pair(&flow).await;
    let stranger = RefreshToken::generate(&TokenPrefix::default()).unwrap();
    let cut = &pair.refresh[..pair.refresh.len() - 1];
    let longer = format!("{}A", pair.refresh);
    for token in [
        "x",
        "%C3%A9",
        "%20",
        "====",
        &"%C3%A9".repeat(40),
        &"/".repeat(64),
        &"A".repeat(5000),
        stranger.expose(),
        cut,
        &longer,
        &pair.access,
    ] {
        refresh(&flow, token).await.expect_dead();
    }
    call_api(&flow, &pair.access).await.expect_let_in();
    refresh(&flow, &pair.refresh).await.pair();
}

/// §1.5: a refresh token is for the authorization server and opens no resource.
#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let (flow, _) = refreshing(Refresh::default());
    let pair = first_pair(&flow).await;
    let answer = call_api(&flow, &pair.refresh).await;
    answer.expect_invalid_token();
}

/// §6: an omitted scope is the original one; a part of it is granted if asked for. It narrows the
/// access token only: "the refresh token scope MUST be identical".
#[tokio::test]
async fn a_narrowed_refresh_narrows_one_access_token_and_not_the_login() {
    let (flow, _) = refreshing(Refresh::default());
    let mut pair = first_pair(&flow).await;
    for (asked, granted) in [
        ("&scope=me", "me"),
        ("", SCOPE),
        ("&scope=items:read", "items:read"),
        ("&scope=me+items:read", SCOPE),
        ("&scope=", SCOPE),
        ("&scope=me", "me"),
        ("", SCOPE),
    ] {
        let answer = refresh_with(&flow, &pair.refresh, asked).await;
        pair = answer.expect_pair(3600, Some(granted));
        let families = flow.families(&meera()).await.unwrap();
        assert_eq!(families.len(), 1);
        assert_eq!(families[0].scope().to_string(), SCOPE);
    }
}

/// §6: "MUST NOT include any scope not originally granted": a login that asked for less cannot
/// refresh to what the account may have.
#[tokio::test]
async fn a_refresh_cannot_go_past_the_scope_of_its_login() {
    let (flow, _) = refreshing(Refresh::default());
    let form = format!("{}&scope=me", crate::support::LOGIN);
    let login = send(flow.token_service(), token_request(form)).await;
    let pair = login.expect_pair(3600, Some("me"));

    let answer = refresh_with(&flow, &pair.refresh, "&scope=me+items:read").await;
    answer.expect_error(400, "invalid_scope", MALFORMED_OR_TOO_WIDE);

    let answer = refresh(&flow, &pair.refresh).await;
    answer.expect_pair(3600, Some("me"));
}

/// §6, §5.2: a scope that is too wide or malformed (§3.3) is `invalid_scope`, and the refresh
/// token is not spent on it.
#[tokio::test]
async fn a_wrong_scope_is_refused_before_the_refresh_token_is_spent() {
    let (flow, _) = refreshing(Refresh::default());
    let pair = first_pair(&flow).await;
    for scope in [
        "admin",
        "me+admin",
        "ME",
        "me++items:read",
        "+me",
        "me+",
        "+",
        "me%09items:read",
        "%22me%22",
        "%C3%A9",
    ] {
        let answer = refresh_with(&flow, &pair.refresh, &format!("&scope={scope}")).await;
        answer.expect_error(400, "invalid_scope", MALFORMED_OR_TOO_WIDE);
    }
    let answer = refresh(&flow, &pair.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

/// §5.1, §3.3: where nothing was granted, there is no `scope` member, and nothing to ask for.
#[tokio::test]
async fn a_login_without_scopes_refreshes_without_scopes() {
    let users = MemoryUsers::new().with_hasher(fast());
    let users = users.with_user("meera", "secret123", User::new("Meera"));
    let flow = PasswordFlow::new(users.unwrap(), MemoryTokens::new())
        .with_hasher(fast())
        .with_refresh(Refresh::default());
    let pair = first_pair(&flow).await;

    let answer = refresh_with(&flow, &pair.refresh, "&scope=me").await;
    answer.expect_error(400, "invalid_scope", MALFORMED_OR_TOO_WIDE);

    refresh(&flow, &pair.refresh).await.expect_pair(3600, None);
}

/// §6, §5.2: the user is asked for at every refresh. A disabled one gets nothing, and the token is
/// not spent: once enabled, the login goes on.
#[tokio::test]
async fn a_disabled_user_gets_nothing_and_loses_nothing() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default());
    let pair = first_pair(&flow).await;

    assert!(users.set_enabled(&meera(), false));
    refresh(&flow, &pair.refresh).await.expect_dead();
    refresh(&flow, &pair.refresh).await.expect_dead();

    assert!(users.set_enabled(&meera(), true));
    let answer = refresh(&flow, &pair.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

/// One flow after another over the same tokens.
fn over<U: UserStore>(users: U, tokens: &MemoryTokens) -> PasswordFlow<U, MemoryTokens> {
    PasswordFlow::new(users, tokens.clone())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default())
}

/// §5.2: the same for a user who is gone, and comes back from a backup.
#[tokio::test]
async fn a_user_who_is_gone_gets_nothing_and_loses_nothing() {
    let tokens = MemoryTokens::new();
    let pair = first_pair(&over(users(), &tokens)).await;

    let nobody = over(MemoryUsers::<User>::new(), &tokens);
    refresh(&nobody, &pair.refresh).await.expect_dead();

    let answer = refresh(&over(users(), &tokens), &pair.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

struct UsersOnFire;

impl UserStore for UsersOnFire {
    type User = User;

    async fn find_account(&self, _: &str) -> Result<Option<Account>, StoreError> {
        Err(StoreError::new(FIRE))
    }

    async fn find_user(&self, _: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        Err(StoreError::new(FIRE))
    }
}

/// §5.2, §4.1.2.1: a user store that fails says nothing about the user: 503, to be tried again
/// with the same token.
#[tokio::test]
async fn a_failing_user_store_does_not_cost_the_refresh_token() {
    let tokens = MemoryTokens::new();
    let pair = first_pair(&over(users(), &tokens)).await;

    let answer = refresh(&over(UsersOnFire, &tokens), &pair.refresh).await;
    answer.expect_retry_later();

    let answer = refresh(&over(users(), &tokens), &pair.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

/// §5.2, §4.1.2.1: a token store that fails, at whichever verb, is 503 `temporarily_unavailable`
/// with `Retry-After`, never `invalid_grant`, and the token is not spent.
#[tokio::test]
async fn a_failing_token_store_does_not_cost_the_refresh_token() {
    let tokens = ScriptedTokens::default();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default());
    let mut pair = first_pair(&flow).await;
    for script in [Script::FailFind, Script::FailRotate] {
        tokens.follow(Some(script));
        refresh(&flow, &pair.refresh).await.expect_retry_later();
        refresh(&flow, &pair.refresh).await.expect_retry_later();

        tokens.follow(None);
        let answer = refresh(&flow, &pair.refresh).await;
        pair = answer.expect_pair(3600, Some(SCOPE));
        call_api(&flow, &pair.access).await.expect_let_in();
    }
    assert_eq!(tokens.rotations(), 2);
}

/// RFC 9700 §4.14.2: refresh tokens are revoked on logout; the next login has its own.
#[tokio::test]
async fn a_revoked_login_cannot_be_refreshed() {
    let (flow, _) = refreshing(Refresh::default());
    let pair = first_pair(&flow).await;
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);

    refresh(&flow, &pair.refresh).await.expect_dead();
    call_api(&flow, &pair.access).await.expect_invalid_token();

    let access = log_in(&flow).await;
    call_api(&flow, &access).await.expect_let_in();
}
