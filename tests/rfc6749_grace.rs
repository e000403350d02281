//! RFC 6749 §6, RFC 9700 §4.14.2: the grace window, in which a spent refresh token gets the same
//! successors again.

use std::time::Duration;

use tower_oauth2_password::{
    MemoryTokens, PasswordFlow,
    model::{Clock, TokenPrefix},
    token::Refresh,
};

use crate::support::{
    NOON, fast,
    refresh::{
        SCOPE, Script, ScriptedTokens, call_api, first_pair, lifetime, meera, refresh,
        refresh_with, refreshing, seconds, with_grace,
    },
    users,
};

/// A token in its window gets the pair that it was spent for, as often as it comes, with what is
/// left of `expires_in` (§5.1).
#[tokio::test]
async fn a_token_in_its_window_gets_the_same_pair_again_and_again() {
    let (flow, clock) = with_grace(10);
    let first = first_pair(&flow).await;
    let answer = refresh(&flow, &first.refresh).await;
    let second = answer.expect_pair(3600, Some(SCOPE));

    for passed in 0..10 {
        for _ in 0..3 {
            let answer = refresh(&flow, &first.refresh).await;
            assert_eq!(answer.expect_pair(3600 - passed, Some(SCOPE)), second);
        }
        clock.advance(seconds(1));
    }

    call_api(&flow, &second.access).await.expect_let_in();
    let answer = refresh(&flow, &second.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

/// At the second in which the window closes, the token is a replay.
#[tokio::test]
async fn a_token_is_a_replay_from_the_second_its_window_closes() {
    for (passed, in_window) in [(9, true), (10, false), (11, false)] {
        let (flow, clock) = with_grace(10);
        let first = first_pair(&flow).await;
        let second = refresh(&flow, &first.refresh).await.pair();
        clock.advance(seconds(passed));
        let answer = refresh(&flow, &first.refresh).await;
        if in_window {
            assert_eq!(answer.pair(), second);
            call_api(&flow, &second.access).await.expect_let_in();
        } else {
            answer.expect_dead();
            call_api(&flow, &second.access).await.expect_invalid_token();
            refresh(&flow, &second.refresh).await.expect_dead();
        }
    }
}

/// A retry opens no new window: it closes when it would have.
#[tokio::test]
async fn a_retry_does_not_prolong_the_window() {
    let (flow, clock) = with_grace(10);
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    clock.advance(seconds(9));
    assert_eq!(refresh(&flow, &first.refresh).await.pair(), second);
    clock.advance(seconds(1));
    refresh(&flow, &first.refresh).await.expect_dead();
}

/// Whole seconds: a fraction is cut off, and less than one is no window.
#[tokio::test]
async fn a_window_has_whole_seconds() {
    for (millis, passed, in_window) in [
        (0, 0, false),
        (999, 0, false),
        (1000, 0, true),
        (1999, 0, true),
        (1999, 1, false),
    ] {
        let grace = Duration::from_millis(millis);
        let (flow, clock) = refreshing(Refresh::default().with_grace(grace));
        let first = first_pair(&flow).await;
        let second = refresh(&flow, &first.refresh).await.pair();
        clock.advance(seconds(passed));
        let answer = refresh(&flow, &first.refresh).await;
        if in_window {
            assert_eq!(answer.pair(), second);
        } else {
            answer.expect_dead();
        }
    }
}

/// Two windows of one login: each token gets its own successors, even if those are spent too.
#[tokio::test]
async fn every_token_in_its_window_gets_its_own_successors() {
    let (flow, clock) = with_grace(10);
    let r0 = first_pair(&flow).await;
    let r1 = refresh(&flow, &r0.refresh).await.pair();
    clock.advance(seconds(5));
    let r2 = refresh(&flow, &r1.refresh).await.pair();
    clock.advance(seconds(4));

    let answer = refresh(&flow, &r0.refresh).await;
    assert_eq!(answer.expect_pair(3591, Some(SCOPE)), r1);
    let answer = refresh(&flow, &r1.refresh).await;
    assert_eq!(answer.expect_pair(3596, Some(SCOPE)), r2);
    for pair in [&r0, &r1, &r2] {
        call_api(&flow, &pair.access).await.expect_let_in();
    }

    // The window of R0 closes; that of R1 is open for five more seconds.
    clock.advance(seconds(5));
    let answer = refresh(&flow, &r1.refresh).await;
    assert_eq!(answer.expect_pair(3591, Some(SCOPE)), r2);
    refresh(&flow, &r0.refresh).await.expect_dead();
    refresh(&flow, &r1.refresh).await.expect_dead();
    refresh(&flow, &r2.refresh).await.expect_dead();
}

/// What is handed out again is still good: the window is over when the access token is.
#[tokio::test]
async fn a_window_does_not_outlive_the_access_token() {
    let (flow, clock) = with_grace(3600);
    let flow = flow.with_access_lifetime(lifetime(5));
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh)
        .await
        .expect_pair(5, Some(SCOPE));
    clock.advance(seconds(4));
    let answer = refresh(&flow, &first.refresh).await;
    assert_eq!(answer.expect_pair(1, Some(SCOPE)), second);
    call_api(&flow, &second.access).await.expect_let_in();
    clock.advance(seconds(1));
    refresh(&flow, &first.refresh).await.expect_dead();
    refresh(&flow, &second.refresh).await.expect_dead();
}

/// OWASP ASVS 10.4.8: nor the absolute lifetime, which cuts the access token.
#[tokio::test]
async fn a_window_does_not_outlive_the_login() {
    let policy = Refresh::default().with_grace(seconds(60));
    let (flow, clock) = refreshing(policy.with_absolute_lifetime(lifetime(100)));
    let first = first_pair(&flow).await;
    clock.advance(seconds(95));
    let second = refresh(&flow, &first.refresh).await;
    let second = second.expect_pair(5, Some(SCOPE));
    clock.advance(seconds(4));
    let answer = refresh(&flow, &first.refresh).await;
    assert_eq!(answer.expect_pair(1, Some(SCOPE)), second);
    clock.advance(seconds(1));
    refresh(&flow, &first.refresh).await.expect_dead();
    call_api(&flow, &second.access).await.expect_invalid_token();
}

/// §6: the pair has the scope that was granted for it, whatever the retry asks for, and a scope
/// that is too wide is an error that costs nothing.
#[tokio::test]
async fn a_retry_gets_the_scope_of_the_first_answer() {
    let (flow, _) = with_grace(10);
    let first = first_pair(&flow).await;
    let answer = refresh_with(&flow, &first.refresh, "&scope=me").await;
    let second = answer.expect_pair(3600, Some("me"));

    for asked in ["", "&scope=me", "&scope=items:read"] {
        let answer = refresh_with(&flow, &first.refresh, asked).await;
        assert_eq!(answer.expect_pair(3600, Some("me")), second);
    }
    for asked in ["&scope=admin", "&scope=+"] {
        let answer = refresh_with(&flow, &first.refresh, asked).await;
        let description = "the scope is malformed or more than is allowed";
        answer.expect_error(400, "invalid_scope", description);
    }
    assert_eq!(refresh(&flow, &first.refresh).await.pair(), second);
    let answer = refresh(&flow, &second.refresh).await;
    answer.expect_pair(3600, Some(SCOPE));
}

/// RFC 9700 §4.14.2: a replay after the window ends one login and no other.
#[tokio::test]
async fn a_replay_after_the_window_leaves_the_other_logins_alone() {
    let (flow, clock) = with_grace(10);
    let other = first_pair(&flow).await;
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    clock.advance(seconds(10));
    let other_second = refresh(&flow, &other.refresh).await.pair();
    refresh(&flow, &first.refresh).await.expect_dead();
    call_api(&flow, &second.access).await.expect_invalid_token();

    call_api(&flow, &other.access).await.expect_let_in();
    call_api(&flow, &other_second.access).await.expect_let_in();
    assert_eq!(refresh(&flow, &other.refresh).await.pair(), other_second);
    refresh(&flow, &other_second.refresh).await.pair();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// A retry is a refresh: the user is asked for again.
#[tokio::test]
async fn a_retry_of_a_disabled_user_is_refused() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default().with_grace(seconds(10)));
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();

    assert!(users.set_enabled(&meera(), false));
    refresh(&flow, &first.refresh).await.expect_dead();

    assert!(users.set_enabled(&meera(), true));
    assert_eq!(refresh(&flow, &first.refresh).await.pair(), second);
}

/// A login that ended is over, in a window or not.
#[tokio::test]
async fn a_retry_after_a_logout_is_refused() {
    let (flow, _) = with_grace(10);
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    assert_eq!(flow.revoke_subject(&meera()).await.unwrap(), 1);
    refresh(&flow, &first.refresh).await.expect_dead();
    call_api(&flow, &second.access).await.expect_invalid_token();
}

/// The tokens that are handed out again are the same text, prefix and all.
#[tokio::test]
async fn a_token_prefix_is_kept_by_a_retry() {
    let (flow, _) = with_grace(10);
    let flow = flow.with_token_prefix(TokenPrefix::new("acme_").unwrap());
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    let again = refresh(&flow, &first.refresh).await.pair();
    assert_eq!(again, second);
    for pair in [&first, &again] {
        assert_eq!(pair.access.strip_prefix("acme_").unwrap().len(), 43);
        assert_eq!(pair.refresh.strip_prefix("acme_").unwrap().len(), 64);
    }
}

/// A store that did the rotation and lost the answer: 503, and the retry finds the window.
#[tokio::test]
async fn a_rotation_whose_answer_the_store_lost_is_made_good_by_the_retry() {
    let tokens = ScriptedTokens::default();
    let flow = PasswordFlow::new(users(), tokens.clone())
        .with_hasher(fast())
        .with_clock(Clock::manual(NOON))
        .with_refresh(Refresh::default().with_grace(seconds(10)));
    let first = first_pair(&flow).await;
    tokens.follow(Some(Script::FailAfterRotate));
    refresh(&flow, &first.refresh).await.expect_retry_later();
    tokens.follow(None);

    let second = refresh(&flow, &first.refresh).await;
    let second = second.expect_pair(3600, Some(SCOPE));
    call_api(&flow, &second.access).await.expect_let_in();
    refresh(&flow, &second.refresh).await.pair();
    assert_eq!(tokens.rotations(), 2);
}
