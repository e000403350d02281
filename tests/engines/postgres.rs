//! What only a server can do to us: a database that may be read and not written, and locks.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tower_oauth2_password::{MemoryTokens, PasswordFlow, store::UserStore};

use crate::support::{
    LOGIN,
    clients::post_with,
    databases::Database,
    eventually,
    refresh::{call_api, first_pair, meera, refresh, seconds},
    send,
    servers::{Engine, Postgres},
    token_request,
};

async fn set_read_only(connection: &mut PgConnection, value: &str) {
    for sql in [
        "SET default_transaction_read_only = off".to_owned(),
        format!("ALTER SYSTEM SET default_transaction_read_only = {value}"),
        "SELECT pg_reload_conf()".to_owned(),
    ] {
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
}

/// As on a replica after a failover: who is logged in stays so, and whatever would have to be
/// saved is 503 and neither done nor refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_database_that_may_only_be_read_serves_who_is_logged_in() {
    let postgres = Postgres::run();
    let mut admin = PgConnection::connect(&postgres.url()).await.unwrap();
    let database = Database::on(postgres).await.migrated().await;
    let (flow, _clock) = database.flow().await;
    let pair = first_pair(&flow).await;

    set_read_only(&mut admin, "on").await;
    let login = async || send(flow.token_service(), token_request(LOGIN)).await;
    eventually(async || login().await.status.as_u16() == 503).await;
    login().await.expect_retry_later();
    refresh(&flow, &pair.refresh).await.expect_retry_later();
    call_api(&flow, &pair.access).await.expect_let_in();
    let listed = flow.families(&meera()).await.unwrap();
    assert!(!listed.is_empty());
    for token in [&pair.access, &pair.refresh] {
        let form = format!("token={token}");
        let answer = post_with(flow.revocation_service(), &[], form).await;
        answer.expect_retry_later();
    }
    flow.revoke_subject(&meera()).await.unwrap_err();
    call_api(&flow, &pair.access).await.expect_let_in();

    set_read_only(&mut admin, "off").await;
    eventually(async || login().await.status.as_u16() == 200).await;
    let next = refresh(&flow, &pair.refresh).await.pair();
    assert!(flow.revoke_subject(&meera()).await.unwrap() > 1);
    call_api(&flow, &next.access).await.expect_invalid_token();
}

/// A user whose new hash cannot be saved is logged in all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_hash_that_cannot_be_saved_does_not_stop_a_login() {
    let postgres = Postgres::run();
    let mut admin = PgConnection::connect(&postgres.url()).await.unwrap();
    let database = Database::on(postgres).await.migrated().await;
    database.flow().await;
    let users = database.sql.users();
    let stored = async || {
        let account = users.find_account("meera").await.unwrap().unwrap();
        account.hash().unwrap().expose().to_owned()
    };
    let before = stored().await;
    set_read_only(&mut admin, "on").await;
    eventually(async || users.set_enabled(&meera(), true).await.is_err()).await;
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new())
        .with_hasher(tower_oauth2_password::password::Bcrypt::new(5).unwrap());
    send(flow.token_service(), token_request(LOGIN))
        .await
        .expect_token(Some("items:read me"));
    assert_eq!(stored().await, before);
}

/// Expired rows that somebody else holds are left to the next purge, and no login waits for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
async fn a_purge_passes_rows_by_that_somebody_holds() {
    let postgres = Postgres::run();
    let mut other = PgConnection::connect(&postgres.url()).await.unwrap();
    let database = Database::on(postgres).await.migrated().await;
    let (flow, clock) = database.flow().await;
    let refreshing = tower_oauth2_password::token::Refresh::default().with_grace(seconds(600));
    let flow = flow.with_refresh(refreshing);
    for _ in 0..2 {
        let pair = first_pair(&flow).await;
        refresh(&flow, &pair.refresh).await.pair();
    }
    clock.advance(Duration::from_secs(601));
    let now = clock.now();

    let mut held = other.begin().await.unwrap();
    held.execute(
        "SELECT 1 FROM oauth_families WHERE id IN (SELECT id FROM oauth_families LIMIT 1) \
         FOR UPDATE",
    )
    .await
    .unwrap();
    database.sql.tokens().purge(now).await.unwrap();
    let with_salt = "windows IS NOT NULL";
    assert_eq!(database.count("oauth_families", with_salt).await, 1);
    held.rollback().await.unwrap();
    database.sql.tokens().purge(now).await.unwrap();
    assert_eq!(database.count("oauth_families", with_salt).await, 0);
}
