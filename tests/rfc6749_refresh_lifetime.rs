//! RFC 6749 §6 and RFC 9700 §4.14.2: how long a login can be carried on.

use tower_oauth2_password::token::Refresh;

use crate::support::refresh::{
    SCOPE, call_api, first_pair, lifetime, meera, refresh, refreshing, seconds,
};

/// RFC 9700 §4.14.2: refresh tokens SHOULD expire if unused. One is alive in the last second and
/// dead in the next (§5.1 counts full seconds).
#[tokio::test]
async fn an_unused_refresh_token_is_dead_from_the_second_it_expires() {
    for (waited, alive) in [(59, true), (60, false), (61, false)] {
        let (flow, clock) = refreshing(Refresh::default().with_idle_lifetime(lifetime(60)));
        let pair = first_pair(&flow).await;
        clock.advance(seconds(waited));
        let answer = refresh(&flow, &pair.refresh).await;
        if alive {
            answer.expect_pair(3600, Some(SCOPE));
        } else {
            answer.expect_dead();
        }
    }
}

/// RFC 9700 §4.14.2: "inactivity" ends with a use: every refresh starts the time anew.
#[tokio::test]
async fn a_refresh_starts_the_idle_lifetime_anew() {
    let (flow, clock) = refreshing(Refresh::default().with_idle_lifetime(lifetime(60)));
    let mut pair = first_pair(&flow).await;
    for _ in 0..5 {
        clock.advance(seconds(59));
        let answer = refresh(&flow, &pair.refresh).await;
        pair = answer.expect_pair(3600, Some(SCOPE));
    }
    clock.advance(seconds(60));
    refresh(&flow, &pair.refresh).await.expect_dead();
}

/// §10.4: who comes too late is no thief: the rest of the login stays as it is.
#[tokio::test]
async fn an_expired_refresh_token_is_no_replay() {
    let (flow, clock) = refreshing(Refresh::default().with_idle_lifetime(lifetime(60)));
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    clock.advance(seconds(60));

    refresh(&flow, &second.refresh).await.expect_dead();

    call_api(&flow, &first.access).await.expect_let_in();
    call_api(&flow, &second.access).await.expect_let_in();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// OWASP ASVS 10.4.8: an absolute end, that no refresh goes past: the access token is cut to it
/// as well, and `expires_in` says so (§5.1).
#[tokio::test]
async fn no_refresh_and_no_access_token_goes_past_the_absolute_lifetime() {
    let policy = Refresh::default().with_absolute_lifetime(lifetime(4000));
    let (flow, clock) = refreshing(policy.with_idle_lifetime(lifetime(1000)));
    let mut pair = first_pair(&flow).await;
    let mut age = 0;
    for (now, expires_in) in [
        (399, 3600),
        (400, 3600),
        (401, 3599),
        (1400, 2600),
        (2399, 1601),
        (3398, 602),
        (3999, 1),
    ] {
        clock.advance(seconds(now - age));
        age = now;
        let answer = refresh(&flow, &pair.refresh).await;
        pair = answer.expect_pair(expires_in, Some(SCOPE));
    }
    call_api(&flow, &pair.access).await.expect_let_in();

    clock.advance(seconds(1));
    refresh(&flow, &pair.refresh).await.expect_dead();
    call_api(&flow, &pair.access).await.expect_invalid_token();
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 0);
}

/// The same where the login itself is shorter than an access token.
#[tokio::test]
async fn the_first_access_token_does_not_outlive_the_login() {
    let (flow, clock) = refreshing(Refresh::default().with_absolute_lifetime(lifetime(100)));
    let login = crate::support::send(
        flow.token_service(),
        crate::support::token_request(crate::support::LOGIN),
    )
    .await;
    let pair = login.expect_pair(100, Some(SCOPE));
    clock.advance(seconds(99));
    call_api(&flow, &pair.access).await.expect_let_in();
    clock.advance(seconds(1));
    call_api(&flow, &pair.access).await.expect_invalid_token();
    refresh(&flow, &pair.refresh).await.expect_dead();
}

/// The defaults that the documentation names: 14 days idle, 90 days in all.
#[tokio::test]
async fn by_default_a_login_lives_14_days_unused_and_90_days_in_all() {
    const DAY: u64 = 86_400;
    let (flow, clock) = refreshing(Refresh::default());
    let mut pair = first_pair(&flow).await;
    for _ in 0..6 {
        clock.advance(seconds(14 * DAY - 1));
        pair = refresh(&flow, &pair.refresh).await.pair();
    }
    clock.advance(seconds(6 * DAY + 5));
    let answer = refresh(&flow, &pair.refresh).await;
    let last = answer.expect_pair(1, Some(SCOPE));
    clock.advance(seconds(1));
    refresh(&flow, &last.refresh).await.expect_dead();

    let pair = first_pair(&flow).await;
    clock.advance(seconds(14 * DAY));
    refresh(&flow, &pair.refresh).await.expect_dead();
}
