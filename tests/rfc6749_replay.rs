//! RFC 6749 §10.4, RFC 9700 §2.2.2 and §4.14.2: a spent refresh token that comes back ends the
//! login.

use tower_oauth2_password::{
    PasswordFlow,
    model::{Clock, RefreshToken, TokenPrefix},
    token::{Refresh, TokenError},
};

use crate::support::{
    NOON, captured_log, fast,
    refresh::{
        SCOPE, Script, ScriptedTokens, call_api, first_pair, lifetime, meera, refresh,
        refresh_with, refreshing, seconds, with_grace,
    },
    users,
};

/// RFC 9700 §4.14.2: a replay revokes the active refresh token, and here every access token of
/// the login too, old and new, as of the next request.
#[tokio::test]
async fn a_replay_ends_the_login_with_all_its_tokens() {
    let (flow, _) = refreshing(Refresh::default());
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    let third = refresh(&flow, &second.refresh).await.pair();
    for pair in [&first, &second, &third] {
        call_api(&flow, &pair.access).await.expect_let_in();
    }

    refresh(&flow, &first.refresh).await.expect_dead();

    for pair in [&first, &second, &third] {
        call_api(&flow, &pair.access).await.expect_invalid_token();
        refresh(&flow, &pair.refresh).await.expect_dead();
    }
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
}

/// §10.4: it does not matter who comes second, the thief or the owner.
#[tokio::test]
async fn the_thief_loses_the_login_when_the_owner_comes_second() {
    let (flow, _) = refreshing(Refresh::default());
    let stolen = first_pair(&flow).await;
    let mut thief = refresh(&flow, &stolen.refresh).await.pair();
    for _ in 0..3 {
        thief = refresh(&flow, &thief.refresh).await.pair();
    }

    refresh(&flow, &stolen.refresh).await.expect_dead();

    refresh(&flow, &thief.refresh).await.expect_dead();
    call_api(&flow, &thief.access).await.expect_invalid_token();
}

/// RFC 9700 §4.14.2: the relation of a spent token to its login is kept for as long as the login
/// lasts.
#[tokio::test]
async fn a_replay_is_noticed_however_many_refreshes_ago_the_token_was_spent() {
    for (since, grace) in [(50, 0), (50, 10), (1000, 0)] {
        let (flow, clock) = with_grace(grace);
        let first = first_pair(&flow).await;
        let mut last = first.clone();
        for _ in 0..since {
            clock.advance(seconds(60));
            last = refresh(&flow, &last.refresh).await.pair();
        }
        call_api(&flow, &last.access).await.expect_let_in();

        refresh(&flow, &first.refresh).await.expect_dead();

        call_api(&flow, &last.access).await.expect_invalid_token();
        refresh(&flow, &last.refresh).await.expect_dead();
    }
}

/// RFC 9700 §4.14.2: a replay is one even with a mistake in the scope that it asks for.
#[tokio::test]
async fn a_replay_is_noticed_whatever_scope_it_asks_for() {
    for scope in ["&scope=me", "&scope=admin"] {
        let (flow, _) = refreshing(Refresh::default());
        let first = first_pair(&flow).await;
        let second = refresh(&flow, &first.refresh).await.pair();
        refresh_with(&flow, &first.refresh, scope)
            .await
            .expect_dead();
        call_api(&flow, &second.access).await.expect_invalid_token();
    }
}

/// RFC 9700 §4.14.2: and even if its user is disabled.
#[tokio::test]
async fn a_replay_is_noticed_while_the_user_is_disabled() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), tower_oauth2_password::MemoryTokens::new())
        .with_hasher(fast())
        .with_refresh(Refresh::default());
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    assert!(users.set_enabled(&meera(), false));
    refresh(&flow, &first.refresh).await.expect_dead();
    assert!(users.set_enabled(&meera(), true));
    refresh(&flow, &second.refresh).await.expect_dead();
}

/// RFC 9700 §4.14.2: other logins of the user know nothing of it.
#[tokio::test]
async fn a_replay_leaves_the_other_logins_of_the_user_alone() {
    let (flow, _) = refreshing(Refresh::default());
    let other = first_pair(&flow).await;
    let first = first_pair(&flow).await;
    refresh(&flow, &first.refresh).await.pair();
    refresh(&flow, &first.refresh).await.expect_dead();

    call_api(&flow, &other.access).await.expect_let_in();
    let answer = refresh(&flow, &other.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// RFC 9700 §4.14.2: a login whose revocation the store could not do is not reported as revoked:
/// 503, and the next replay ends it.
#[tokio::test]
async fn a_replay_that_could_not_be_acted_upon_is_noticed_again() {
    let tokens = ScriptedTokens::default();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default());
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();

    tokens.follow(Some(Script::FailRevoke));
    refresh(&flow, &first.refresh).await.expect_retry_later();

    tokens.follow(None);
    refresh(&flow, &first.refresh).await.expect_dead();
    call_api(&flow, &second.access).await.expect_invalid_token();
}

/// OWASP ASVS 16.2.5, 16.3: a replay is a security event for the operator: one warning that names
/// the user and the login, and no token.
#[tokio::test]
async fn a_replay_is_logged_with_its_user_and_login_and_without_a_token() {
    let (flow, _) = refreshing(Refresh::default());
    let first = first_pair(&flow).await;
    let id = RefreshToken::parse(&first.refresh).unwrap().family();
    let mut second = None;
    let log = captured_log(async {
        second = Some(refresh(&flow, &first.refresh).await.pair());
    })
    .await;
    assert_eq!(log, "");
    let second = second.unwrap();

    let log = captured_log(async {
        refresh(&flow, &first.refresh).await.expect_dead();
        // The login is over, so these are tokens of nobody and no second event.
        refresh(&flow, &first.refresh).await.expect_dead();
        refresh(&flow, &second.refresh).await.expect_dead();
    })
    .await;

    let (_, line) = log.split_once("Z ").unwrap();
    let expected = format!(
        " WARN oauth2.token{{oauth2.grant_type=\"refresh_token\"}}: tower_oauth2_password: \
         a spent refresh token was presented again; its login was revoked \
         event.name=\"oauth2.replay\" user.id=meera oauth2.family={id}\n"
    );
    assert_eq!(line, expected);
    for secret in [first.access, first.refresh, second.access, second.refresh] {
        // Neither whole nor in part: the handle is the first 22 characters.
        assert!(!log.contains(&secret[..16]), "{log}");
    }
}

/// §5.2, RFC 9700 §4.14.2: one answer, to the byte, for a token that is unknown, expired, replayed
/// or revoked: a thief is not told what gave it away. The operator is.
#[tokio::test]
async fn an_unknown_an_expired_and_a_replayed_token_look_the_same() {
    let (flow, clock) = refreshing(Refresh::default().with_idle_lifetime(lifetime(60)));
    let stranger = RefreshToken::generate(&TokenPrefix::default()).unwrap();
    let unknown = refresh(&flow, stranger.expose()).await;
    let expiring = first_pair(&flow).await;
    clock.advance(seconds(60));
    let expired = refresh(&flow, &expiring.refresh).await;
    let first = first_pair(&flow).await;
    refresh(&flow, &first.refresh).await.pair();
    let replayed = refresh(&flow, &first.refresh).await;
    let revoked = refresh(&flow, &first.refresh).await;

    unknown.expect_dead();
    for answer in [&expired, &replayed, &revoked] {
        assert_eq!(answer.status, unknown.status);
        assert_eq!(answer.fields(), unknown.fields());
        assert_eq!(answer.body, unknown.body);
    }
    for (answer, was_replay) in [
        (&unknown, false),
        (&expired, false),
        (&replayed, true),
        (&revoked, false),
    ] {
        let error = answer.extensions.get::<TokenError>().unwrap();
        assert_eq!(matches!(error, TokenError::Replayed), was_replay);
        assert_eq!(matches!(error, TokenError::InvalidToken), !was_replay);
    }
}
