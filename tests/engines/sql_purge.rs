//! What is expired goes by itself.

use tower_oauth2_password::{
    PasswordFlow,
    model::{AccessToken, Clock, Family, FamilyId, Session, Timestamp, TokenPrefix},
    store::{
        Inserted, TokenStore,
        sql::{SqlTokens, SqlUsers},
    },
    token::Refresh,
};

use crate::support::{
    NOON,
    databases::{Database, Raw, on_sqlite_and_postgres},
    eventually, fast,
    refresh::{call_api, first_pair, lifetime, meera, refresh, seconds},
};

on_sqlite_and_postgres! {
    rows_of_short_logins_do_not_pile_up
    the_first_login_of_a_process_purges
    rows_of_one_login_that_is_refreshed_do_not_pile_up
    a_crowd_is_cleared_away_after_it_left
    what_is_not_over_stays
    an_expired_family_takes_its_tokens_along
    a_salt_that_nobody_deleted_goes_with_the_next_purge
    a_login_does_not_fail_because_of_what_cannot_be_deleted
}

/// How many logins come between two purges.
const BETWEEN: i64 = 128;

/// Logins that live for a second.
async fn short_flow(database: &Database) -> (PasswordFlow<SqlUsers, SqlTokens>, Clock) {
    let (flow, clock) = database.flow().await;
    let refresh = Refresh::default()
        .with_idle_lifetime(lifetime(1))
        .with_absolute_lifetime(lifetime(1));
    let flow = flow.with_access_lifetime(lifetime(1)).with_refresh(refresh);
    (flow, clock)
}

async fn rows(database: &Database) -> (i64, i64) {
    let families = database.count("oauth_families", "1 = 1").await;
    (families, database.count("oauth_tokens", "1 = 1").await)
}

/// However many there were.
async fn rows_of_short_logins_do_not_pile_up(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = short_flow(&database).await;
    for at in 0..2 * BETWEEN {
        first_pair(&flow).await;
        clock.advance(seconds(1));
        if at % 32 == 31 {
            at_most(&database, BETWEEN + 1).await;
        }
    }
}

/// However few logins a process sees before it ends.
async fn the_first_login_of_a_process_purges(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = short_flow(&database).await;
    first_pair(&flow).await;
    clock.advance(seconds(1));
    let sql = database.open_again().await;
    let again = PasswordFlow::new(sql.users(), sql.tokens())
        .with_hasher(fast())
        .with_clock(clock)
        .with_refresh(Refresh::default());
    first_pair(&again).await;
    eventually(async || rows(&database).await == (1, 1)).await;
}

/// The family lives on, and its dead access tokens do not.
async fn rows_of_one_login_that_is_refreshed_do_not_pile_up(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = database.flow().await;
    let flow = flow.with_access_lifetime(lifetime(1));
    let mut newest = first_pair(&flow).await;
    // The last of these purges: the cap on a login's tokens alone would leave 16.
    for _ in 0..BETWEEN {
        clock.advance(seconds(1));
        newest = refresh(&flow, &newest.refresh).await.pair();
    }
    eventually(async || rows(&database).await == (1, 1)).await;
    call_api(&flow, &newest.access).await.expect_let_in();
}

/// More goes with each purge than can have come in since the last one.
async fn a_crowd_is_cleared_away_after_it_left(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = short_flow(&database).await;
    for _ in 0..2 * BETWEEN {
        first_pair(&flow).await;
    }
    assert_eq!(rows(&database).await, (2 * BETWEEN, 2 * BETWEEN));
    clock.advance(seconds(1));
    for _ in 0..BETWEEN {
        first_pair(&flow).await;
        clock.advance(seconds(1));
    }
    at_most(&database, BETWEEN + 1).await;
}

/// No login waits for what is deleted, so it may be a moment later.
async fn at_most(database: &Database, limit: i64) {
    eventually(async || {
        let (families, tokens) = rows(database).await;
        families <= limit && tokens <= limit
    })
    .await;
}

/// To the second: what expires at `now` is over.
async fn what_is_not_over_stays(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = database.flow().await;
    let early = first_pair(&flow).await;
    clock.advance(seconds(1));
    let late = first_pair(&flow).await;
    let tokens = database.sql.tokens();
    let end = NOON + lifetime(14 * 86_400);
    let before = Timestamp::from_secs(end.as_secs() - 1);
    tokens.purge(before).await.unwrap();
    assert_eq!(rows(&database).await, (2, 0));
    tokens.purge(end).await.unwrap();
    assert_eq!(rows(&database).await, (1, 0));
    refresh(&flow, &early.refresh).await.expect_dead();
    refresh(&flow, &late.refresh).await.pair();
}

/// Even one that would live longer: without its family it is nobody's.
async fn an_expired_family_takes_its_tokens_along(database: Database) {
    let database = database.migrated().await;
    let tokens = database.sql.tokens();
    let id = FamilyId::generate().unwrap();
    let family = Family::new(id, meera(), NOON, NOON + lifetime(10));
    let access = AccessToken::generate(&TokenPrefix::default()).unwrap();
    let session = Session::new(meera(), NOON, NOON + lifetime(1000)).with_family(id);
    let inserted = tokens.insert(family, access.digest(), session).await;
    assert_eq!(inserted.unwrap(), Inserted::Saved);
    tokens.purge(NOON + lifetime(9)).await.unwrap();
    assert_eq!(rows(&database).await, (1, 1));
    tokens.purge(NOON + lifetime(10)).await.unwrap();
    assert_eq!(rows(&database).await, (0, 0));
    assert_eq!(tokens.find_access(access.digest()).await.unwrap(), None);
}

/// "Should this process be gone by then, the next purge does it."
async fn a_salt_that_nobody_deleted_goes_with_the_next_purge(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let flow = flow.with_refresh(Refresh::default().with_grace(seconds(600)));
    let pair = first_pair(&flow).await;
    refresh(&flow, &pair.refresh).await.pair();
    let tokens = database.sql.tokens();
    tokens.purge(NOON + lifetime(599)).await.unwrap();
    let with_salt = "windows IS NOT NULL";
    assert_eq!(database.count("oauth_families", with_salt).await, 1);
    tokens.purge(NOON + lifetime(600)).await.unwrap();
    assert_eq!(database.count("oauth_families", with_salt).await, 0);
}

/// "What is expired is no concern of the login that is just through."
async fn a_login_does_not_fail_because_of_what_cannot_be_deleted(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = short_flow(&database).await;
    let (forbid, allow) = match &database.raw {
        Raw::Sqlite(_) => (
            "CREATE TRIGGER keep BEFORE DELETE ON oauth_tokens
            BEGIN SELECT RAISE(ABORT, 'kept'); END",
            "DROP TRIGGER keep",
        ),
        Raw::Postgres(_) => (
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''kept''; END';
            CREATE TRIGGER keep BEFORE DELETE ON oauth_tokens EXECUTE FUNCTION keep()",
            "DROP TRIGGER keep ON oauth_tokens",
        ),
    };
    database.raw.run(forbid).await;
    // The first and the last of these purge.
    for _ in 0..=BETWEEN {
        let pair = first_pair(&flow).await;
        call_api(&flow, &pair.access).await.expect_let_in();
        clock.advance(seconds(1));
    }
    assert_eq!(rows(&database).await, (BETWEEN + 1, BETWEEN + 1));
    database.raw.run(allow).await;
    for _ in 0..BETWEEN {
        first_pair(&flow).await;
        clock.advance(seconds(1));
    }
    at_most(&database, BETWEEN + 1).await;
}
