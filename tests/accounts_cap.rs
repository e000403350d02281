//! How many logins a user can have at once, and which of them make room.

use std::{num::NonZeroUsize, time::Duration};

use http::StatusCode;
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow, model::Clock, password::HashingPool,
    store::TokenStore, token::Identity,
};

use crate::support::{
    User,
    logins::{Login, Verb, VerbFails, household, log_in_as, meera, post_login},
    stores::BreakableTokens,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

type Capped<T> = PasswordFlow<MemoryUsers<User>, T>;

fn capped<T: TokenStore>(tokens: T, cap: usize) -> (Capped<T>, Clock) {
    let (flow, clock) = household(tokens);
    (
        flow.with_session_cap(NonZeroUsize::new(cap).unwrap()),
        clock,
    )
}

/// Which of `logins` work.
async fn working<T: TokenStore>(flow: &Capped<T>, logins: &[Login]) -> Vec<bool> {
    let mut working = Vec::new();
    for login in logins {
        working.push(login.works(flow).await);
    }
    working
}

/// ASVS 7.1.2: with one login more than the cap, the oldest is ended; its refresh token too.
#[tokio::test]
async fn one_login_too_many_ends_the_oldest() {
    let (flow, clock) = capped(MemoryTokens::new(), 2);
    let mut logins = Vec::new();
    for expected in [
        &[true][..],
        &[true, true],
        &[false, true, true],
        &[false, false, true, true],
        &[false, false, false, true, true],
    ] {
        logins.push(log_in_as(&flow, "meera").await);
        assert_eq!(working(&flow, &logins).await, expected);
        clock.advance(SECOND);
    }
    let refused = logins[0].refreshed(&flow).await;
    assert_eq!(refused.json["error"], "invalid_grant");
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 2);
}

/// A cap of one: the newest login wins.
#[tokio::test]
async fn a_cap_of_one_ends_the_login_before() {
    let (flow, _clock) = capped(MemoryTokens::new(), 1);
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(log_in_as(&flow, "meera").await);
    }
    assert_eq!(working(&flow, &logins).await, [false, false, false, true]);
}

/// Times are whole seconds, so which of a second is the oldest cannot be told; but a login never
/// ends itself, and the cap holds.
#[tokio::test]
async fn logins_of_one_second_keep_to_the_cap_and_the_newest_works() {
    let (flow, _clock) = capped(MemoryTokens::new(), 3);
    let mut logins = Vec::new();
    for count in 1_usize..=12 {
        logins.push(log_in_as(&flow, "meera").await);
        let working = working(&flow, &logins).await;
        assert_eq!(working.last(), Some(&true));
        let alive = working.iter().filter(|works| **works).count();
        assert_eq!(alive, count.min(3));
    }
}

/// Whatever is older goes before whatever is of this second.
#[tokio::test]
async fn a_login_of_an_earlier_second_is_ended_first() {
    let (flow, clock) = capped(MemoryTokens::new(), 3);
    let mut logins = vec![log_in_as(&flow, "meera").await];
    clock.advance(SECOND);
    for _ in 0..3 {
        logins.push(log_in_as(&flow, "meera").await);
    }
    assert_eq!(working(&flow, &logins).await, [false, true, true, true]);
}

/// The cap is a user's own.
#[tokio::test]
async fn the_logins_of_another_user_do_not_count() {
    let (flow, clock) = capped(MemoryTokens::new(), 1);
    let meera = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    let arjun = log_in_as(&flow, "arjun").await;
    assert_eq!(working(&flow, &[meera, arjun]).await, [true, true]);
}

/// A login that is over takes nobody's place, even before it was cleared away.
#[tokio::test]
async fn a_login_that_is_over_does_not_count() {
    let (flow, clock) = capped(MemoryTokens::new(), 2);
    log_in_as(&flow, "meera").await;
    clock.advance(13 * DAY);
    let second = log_in_as(&flow, "meera").await;
    clock.advance(DAY);
    let second = Login::of(&second.refreshed(&flow).await);
    let third = log_in_as(&flow, "meera").await;
    assert_eq!(working(&flow, &[second, third]).await, [true, true]);
}

/// A login that was ended has made room already.
#[tokio::test]
async fn a_login_that_was_ended_does_not_count() {
    let (flow, clock) = capped(MemoryTokens::new(), 2);
    let first = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    let second = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    flow.revoke_family(second.family(&flow).await)
        .await
        .unwrap();
    let third = log_in_as(&flow, "meera").await;
    assert_eq!(
        working(&flow, &[first, second, third]).await,
        [true, false, true]
    );
}

/// A refresh is no login: it makes none older or younger, and ends none.
#[tokio::test]
async fn a_refreshed_login_keeps_its_age() {
    let (flow, clock) = capped(MemoryTokens::new(), 2);
    let oldest = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    let second = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    let refreshed = Login::of(&oldest.refreshed(&flow).await);
    let both = [refreshed.clone(), second.clone()];
    assert_eq!(working(&flow, &both).await, [true, true]);
    clock.advance(SECOND);
    let third = log_in_as(&flow, "meera").await;
    let all = [oldest, refreshed, second, third];
    assert_eq!(working(&flow, &all).await, [false, false, true, true]);
}

/// A cap that was lowered holds from the next login on.
#[tokio::test]
async fn a_lowered_cap_holds_from_the_next_login_on() {
    let (flow, clock) = household(MemoryTokens::new());
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(log_in_as(&flow, "meera").await);
        clock.advance(SECOND);
    }
    let flow = flow.with_session_cap(NonZeroUsize::new(2).unwrap());
    assert_eq!(working(&flow, &logins).await, [true; 4]);
    logins.push(log_in_as(&flow, "meera").await);
    assert_eq!(
        working(&flow, &logins).await,
        [false, false, false, true, true]
    );
}

/// Who gets no token must not lose one: room is made once the new login is saved.
#[tokio::test]
async fn a_login_that_fails_ends_nobodys_login() {
    let tokens = VerbFails::default();
    let (flow, _clock) = capped(tokens.clone(), 1);
    let login = log_in_as(&flow, "meera").await;
    for verb in [Verb::Insert, Verb::FindFamilies] {
        tokens.break_down(verb);
        let failed = post_login(&flow, "meera").await;
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE, "{verb:?}");
        tokens.repair();
        assert!(login.works(&flow).await, "{verb:?}");
        assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
    }

    let tokens = BreakableTokens::default();
    let (flow, _clock) = capped(tokens.clone(), 1);
    let login = log_in_as(&flow, "meera").await;
    tokens.claim_all_digests();
    let failed = post_login(&flow, "meera").await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(login.works(&flow).await);
}

/// A wrong password ends nothing either.
#[tokio::test]
async fn a_wrong_password_ends_nobodys_login() {
    let (flow, _clock) = capped(MemoryTokens::new(), 1);
    let login = log_in_as(&flow, "meera").await;
    let wrong = crate::support::token_request("grant_type=password&username=meera&password=guess");
    let answer = crate::support::send(flow.token_service(), wrong).await;
    assert_eq!(answer.json["error"], "invalid_grant");
    assert!(login.works(&flow).await);
}

/// If the old login cannot be ended, the client is told to come again, and the next login makes up
/// for it.
#[tokio::test]
async fn an_old_login_that_could_not_be_ended_is_ended_by_the_next() {
    let tokens = VerbFails::default();
    let (flow, clock) = capped(tokens.clone(), 2);
    let mut logins = Vec::new();
    for _ in 0..2 {
        logins.push(log_in_as(&flow, "meera").await);
        clock.advance(SECOND);
    }
    tokens.break_down(Verb::RevokeFamily);
    let failed = post_login(&flow, "meera").await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failed.json["error"], "temporarily_unavailable");
    tokens.repair();
    clock.advance(SECOND);
    logins.push(log_in_as(&flow, "meera").await);
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 2);
    assert_eq!(working(&flow, &logins).await, [false, false, true]);
}

/// Logins by other means than a password count as well.
#[tokio::test]
async fn a_login_by_the_issuer_alone_counts() {
    let (flow, clock) = capped(MemoryTokens::new(), 1);
    let login = log_in_as(&flow, "meera").await;
    clock.advance(SECOND);
    flow.issuer().issue(Identity::new(meera())).await.unwrap();
    assert!(!login.works(&flow).await);
    assert_eq!(flow.families(&meera()).await.unwrap().len(), 1);
}

/// Logins of the same moment do not count each other: all are answered, at least as many as the
/// cap allows go on, and with the next one exactly that many remain.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_at_once_leave_at_least_the_cap_and_the_next_exactly_the_cap() {
    const AT_ONCE: usize = 32;
    let threads = NonZeroUsize::new(4).unwrap();
    for cap in [1, 2, 5] {
        let (flow, clock) = capped(MemoryTokens::new(), cap);
        let flow = flow.with_hashing_pool(HashingPool::new(threads, AT_ONCE));
        let mut tasks = Vec::new();
        for _ in 0..AT_ONCE {
            let flow = flow.clone();
            tasks.push(tokio::spawn(async move { log_in_as(&flow, "meera").await }));
        }
        let mut logins = Vec::new();
        for task in tasks {
            logins.push(task.await.unwrap());
        }
        let working_now = working(&flow, &logins).await;
        let alive = working_now.iter().filter(|works| **works).count();
        assert!(
            alive >= cap,
            "{alive} of {AT_ONCE} logins work, the cap is {cap}"
        );
        assert_eq!(flow.families(&meera()).await.unwrap().len(), alive);

        clock.advance(SECOND);
        logins.push(log_in_as(&flow, "meera").await);
        let working_now = working(&flow, &logins).await;
        let alive = working_now.iter().filter(|works| **works).count();
        assert_eq!(alive, cap);
        assert_eq!(working_now.last(), Some(&true));
        assert_eq!(flow.families(&meera()).await.unwrap().len(), cap);
    }
}
