//! A clock that is set back an hour or ahead a day: what was issued lives as long as the clock says,
//! what is gone stays gone, and nothing that lives escapes a revocation.
//!
//! A manual clock goes forward only, so each test has a flow for each time, over the same stores.

use std::{num::NonZeroUsize, sync::Arc};

use tower_oauth2_password::{
    MemoryClients, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{AccessToken, Clock, Family, FamilyId, Subject, Timestamp},
    store::{TokenStore, cached::Cached},
    token::{Identity, Refresh},
};

use crate::support::{
    NOON, User,
    clients::{backend, clients, introspect, log_in_with},
    databases::Database,
    fast,
    refresh::{Pair, call_api, first_pair, lifetime, meera, refresh, seconds},
    users,
};

type Flow<T> = PasswordFlow<MemoryUsers<User>, Arc<T>>;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// So many seconds after noon.
fn later(secs: u64) -> Timestamp {
    Timestamp::from_secs(NOON.as_secs() + secs)
}

/// So many seconds before noon.
fn earlier(secs: u64) -> Timestamp {
    Timestamp::from_secs(NOON.as_secs() - secs)
}

/// One service, whose clock stands elsewhere each time.
struct Machine<T> {
    users: MemoryUsers<User>,
    tokens: Arc<T>,
    refresh: Option<Refresh>,
}

impl<T: TokenStore> Machine<T> {
    fn new(tokens: T) -> Self {
        Self {
            users: users(),
            tokens: Arc::new(tokens),
            refresh: None,
        }
    }

    fn refreshing(tokens: T, refresh: Refresh) -> Self {
        let mut machine = Self::new(tokens);
        machine.refresh = Some(refresh);
        machine
    }

    fn at(&self, now: Timestamp) -> Flow<T> {
        let flow = PasswordFlow::new(self.users.clone(), Arc::clone(&self.tokens))
            .with_hasher(fast())
            .with_clock(Clock::manual(now));
        match &self.refresh {
            Some(refresh) => flow.with_refresh(refresh.clone()),
            None => flow,
        }
    }

    async fn alive_at(&self, access: &str, now: Timestamp) -> bool {
        let answer = call_api(&self.at(now), access).await;
        if answer.status != 200 {
            answer.expect_invalid_token();
        }
        answer.status == 200
    }
}

async fn issue<T: TokenStore>(flow: &Flow<T>, who: &str) -> AccessToken {
    let identity = Identity::new(Subject::new(who).unwrap());
    let issued = flow.issuer().issue(identity).await.unwrap();
    issued.token().clone()
}

async fn an_access_token_lives_as_the_clock_says<T: TokenStore>(tokens: T) {
    let machine = Machine::new(tokens);
    let token = issue(&machine.at(NOON), "meera").await;
    for (now, alive) in [
        (later(DAY), false),
        (later(HOUR - 1), true),
        (earlier(HOUR), true),
        (later(HOUR), false),
        (NOON, true),
    ] {
        assert_eq!(
            machine.alive_at(token.expose(), now).await,
            alive,
            "{now:?}"
        );
    }
}

/// RFC 6749 §5.1: a token is good for `expires_in`, and asking about it at another time changes
/// nothing. A cache counts by a clock that is never set.
#[tokio::test]
async fn access_tokens_live_as_the_clock_says() {
    an_access_token_lives_as_the_clock_says(MemoryTokens::new()).await;
    an_access_token_lives_as_the_clock_says(Cached::new(MemoryTokens::new())).await;
    let database = Database::sqlite().await.migrated().await;
    an_access_token_lives_as_the_clock_says(database.sql.tokens()).await;
}

/// What a step forward clears away is gone, a step back breaks no login, and of what is left a
/// revocation finds all.
#[tokio::test]
async fn what_is_left_after_a_step_forward_and_back_can_be_revoked() {
    let machine = Machine::new(MemoryTokens::new());
    let (present, future) = (machine.at(NOON), machine.at(later(DAY)));
    let mut tokens = Vec::new();
    for _ in 0..600 {
        tokens.push(issue(&present, "meera").await);
    }
    for _ in 0..40 {
        issue(&future, "arjun").await;
    }
    // The first parts have been swept, as the clock said.
    let mut left = Vec::new();
    for token in tokens {
        if machine.alive_at(token.expose(), NOON).await {
            left.push(token);
        }
    }
    assert!((1..600).contains(&left.len()), "{}", left.len());
    let listed: Vec<FamilyId> = present
        .families(&meera())
        .await
        .unwrap()
        .iter()
        .map(Family::id)
        .collect();
    for token in &left {
        let session = machine
            .tokens
            .find_access(token.digest())
            .await
            .unwrap()
            .unwrap();
        assert!(
            listed.contains(&session.family().unwrap()),
            "a login is not in the list"
        );
    }

    let new = issue(&machine.at(earlier(HOUR)), "meera").await;
    assert!(machine.alive_at(new.expose(), earlier(HOUR)).await);
    assert!(machine.alive_at(new.expose(), earlier(1)).await);
    present.revoke_subject(&meera()).await.unwrap();
    for token in left.iter().chain([&new]) {
        assert!(
            !machine.alive_at(token.expose(), earlier(HOUR)).await,
            "it was revoked"
        );
    }
}

async fn a_refresh_token_lives_as_the_clock_says<T: TokenStore>(tokens: T) {
    let policy = Refresh::default()
        .with_idle_lifetime(lifetime(2 * HOUR))
        .with_absolute_lifetime(lifetime(3 * HOUR));
    let machine = Machine::refreshing(tokens, policy);
    let first = first_pair(&machine.at(NOON)).await;
    // Too late is not a replay: nobody loses a login by that.
    refresh(&machine.at(later(DAY)), &first.refresh)
        .await
        .expect_dead();
    refresh(&machine.at(later(2 * HOUR)), &first.refresh)
        .await
        .expect_dead();
    let second = refresh(&machine.at(earlier(HOUR)), &first.refresh)
        .await
        .pair();
    // It was issued an hour before noon, for two hours.
    refresh(&machine.at(later(HOUR)), &second.refresh)
        .await
        .expect_dead();
    let third = refresh(&machine.at(later(HOUR - 1)), &second.refresh)
        .await
        .pair();
    // And no refresh takes the login past three hours from noon, whatever the clock was meanwhile.
    refresh(&machine.at(later(3 * HOUR)), &third.refresh)
        .await
        .expect_dead();
    let answer = refresh(&machine.at(later(3 * HOUR - 1)), &third.refresh).await;
    answer.expect_dead();
    let fourth = refresh(&machine.at(later(2 * HOUR)), &third.refresh)
        .await
        .pair();
    let last = refresh(&machine.at(later(3 * HOUR - 60)), &fourth.refresh).await;
    let last = last.expect_pair(60, Some("items:read me"));
    assert!(!machine.alive_at(&last.access, later(3 * HOUR)).await);
    refresh(&machine.at(later(3 * HOUR)), &last.refresh)
        .await
        .expect_dead();
}

/// RFC 9700 §4.14.2: refresh tokens expire when idle, and the login with the absolute lifetime.
#[tokio::test]
async fn refresh_tokens_live_as_the_clock_says() {
    a_refresh_token_lives_as_the_clock_says(MemoryTokens::new()).await;
    a_refresh_token_lives_as_the_clock_says(Cached::new(MemoryTokens::new())).await;
    let database = Database::sqlite().await.migrated().await;
    a_refresh_token_lives_as_the_clock_says(database.sql.tokens()).await;
}

/// A machine with a window of ten seconds, and a token that was spent at noon.
async fn spent_at_noon<T: TokenStore>(tokens: T) -> (Machine<T>, Pair, Pair) {
    let policy = Refresh::default().with_grace(seconds(10));
    let machine = Machine::refreshing(tokens, policy);
    let first = first_pair(&machine.at(NOON)).await;
    let second = refresh(&machine.at(NOON), &first.refresh).await.pair();
    (machine, first, second)
}

/// RFC 6749 §5.1: `expires_in` of a retry is never more than the token was given, also where the
/// clock has gone back since.
#[tokio::test]
async fn a_retry_after_a_step_back_gets_the_same_tokens_for_no_longer() {
    let (machine, first, second) = spent_at_noon(MemoryTokens::new()).await;
    for (now, expires_in) in [(later(9), 3591), (NOON, 3600), (earlier(HOUR), 3600)] {
        let answer = refresh(&machine.at(now), &first.refresh).await;
        assert_eq!(
            answer.expect_pair(expires_in, Some("items:read me")),
            second
        );
    }
    // By the clock the window is closed, and this is a replay.
    refresh(&machine.at(later(10)), &first.refresh)
        .await
        .expect_dead();
    refresh(&machine.at(NOON), &second.refresh)
        .await
        .expect_dead();
}

async fn a_replay_after_a_step_forward_is_not_undone<T: TokenStore>(tokens: T) {
    let (machine, first, second) = spent_at_noon(tokens).await;
    refresh(&machine.at(later(DAY)), &first.refresh)
        .await
        .expect_dead();
    for now in [NOON, earlier(HOUR), later(1)] {
        assert!(!machine.alive_at(&second.access, now).await);
        refresh(&machine.at(now), &first.refresh)
            .await
            .expect_dead();
        refresh(&machine.at(now), &second.refresh)
            .await
            .expect_dead();
    }
    assert!(
        machine
            .at(NOON)
            .families(&meera())
            .await
            .unwrap()
            .is_empty()
    );
}

/// RFC 9700 §4.14.2: a login that was revoked for a replay does not come back with the clock.
#[tokio::test]
async fn what_was_revoked_stays_so_at_any_time() {
    a_replay_after_a_step_forward_is_not_undone(MemoryTokens::new()).await;
    a_replay_after_a_step_forward_is_not_undone(Cached::new(MemoryTokens::new())).await;
    let database = Database::sqlite().await.migrated().await;
    a_replay_after_a_step_forward_is_not_undone(database.sql.tokens()).await;
}

/// ASVS 7.1.2: the cap holds again with the next login, which is never the one that goes.
#[tokio::test]
async fn the_next_login_brings_the_number_down_to_the_cap() {
    let machine = Machine::new(MemoryTokens::new());
    let cap = NonZeroUsize::new(2).unwrap();
    let at = |now| machine.at(now).with_session_cap(cap);
    let count = async |now| at(now).families(&meera()).await.unwrap().len();
    for now in [NOON, NOON] {
        issue(&at(now), "meera").await;
    }
    // Those of noon are over by then.
    for now in [later(DAY), later(DAY)] {
        issue(&at(now), "meera").await;
    }
    assert_eq!(count(later(DAY)).await, 2);
    for now in [NOON, earlier(HOUR), earlier(HOUR), NOON, later(DAY)] {
        let token = issue(&at(now), "meera").await;
        assert_eq!(count(now).await, 2, "{now:?}");
        assert!(machine.alive_at(token.expose(), now).await);
    }
}

/// RFC 7662 §2.2: `exp` and `iat` are what they were, whatever the time.
#[tokio::test]
async fn introspection_says_the_same_at_any_time() {
    let machine = Machine::refreshing(MemoryTokens::new(), Refresh::default());
    let at = |now| machine.at(now).with_clients(MemoryClients::new(clients()));
    let tokens = log_in_with(&at(NOON), &[&backend()], "").await;
    let about = |rest: &str| {
        format!(
            r#"{{"active":true,"scope":"items:read me","client_id":"backend",{rest},"sub":"meera"}}"#
        )
    };
    let access = about(r#""token_type":"Bearer","exp":46800,"iat":43200"#);
    let refresh = about(r#""exp":1252800,"iat":43200"#);
    for now in [NOON, earlier(HOUR), later(HOUR - 1)] {
        introspect(&at(now), &tokens.access)
            .await
            .expect_described(&access);
        introspect(&at(now), &tokens.refresh)
            .await
            .expect_described(&refresh);
    }
    introspect(&at(later(DAY)), &tokens.access)
        .await
        .expect_inactive();
    introspect(&at(later(15 * DAY)), &tokens.refresh)
        .await
        .expect_inactive();
    introspect(&at(earlier(HOUR)), &tokens.access)
        .await
        .expect_described(&access);
}

/// A purge deletes what is over by the time that it is given, tokens with their logins, and nothing
/// comes back.
#[tokio::test]
async fn a_purge_by_a_clock_that_is_ahead_deletes_logins_whole() {
    let database = Database::sqlite().await.migrated().await;
    let machine = Machine::new(database.sql.tokens());
    let token = issue(&machine.at(NOON), "meera").await;
    machine.tokens.purge(earlier(HOUR)).await.unwrap();
    machine.tokens.purge(later(HOUR - 1)).await.unwrap();
    assert!(machine.alive_at(token.expose(), NOON).await);

    machine.tokens.purge(later(DAY)).await.unwrap();
    assert!(!machine.alive_at(token.expose(), NOON).await);
    assert_eq!(database.count("oauth_tokens", "1 = 1").await, 0);
    assert_eq!(database.count("oauth_families", "1 = 1").await, 0);
    let token = issue(&machine.at(earlier(HOUR)), "meera").await;
    assert!(machine.alive_at(token.expose(), earlier(HOUR)).await);
}
