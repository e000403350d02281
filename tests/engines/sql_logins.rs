//! Whole logins in a SQL database: users, tokens and their salts.

use std::{num::NonZeroUsize, time::Duration};

use tower_oauth2_password::{store::UserStore, token::Refresh};

use crate::support::{
    LOGIN,
    clients::post_with,
    databases::{Database, hash, on_sqlite_and_postgres},
    eventually,
    refresh::{SCOPE, call_api, first_pair, meera, refresh, refresh_with, seconds},
    send, token_request,
};

on_sqlite_and_postgres! {
    a_login_is_carried_on_and_a_replay_ends_it
    a_login_is_listed_capped_and_revoked
    a_wrong_password_and_an_unknown_user_are_refused_alike
    a_disabled_user_is_out_at_once
    a_weak_hash_is_replaced_at_login
    logins_are_there_for_another_process
    the_salt_of_a_window_is_deleted_when_it_closes
    the_salt_of_one_window_does_not_wait_for_the_next
}

/// RFC 6749 §4.3, §6, RFC 9700 §4.14.2, over users and tokens of one database.
async fn a_login_is_carried_on_and_a_replay_ends_it(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let first = answer.expect_pair(3600, Some(SCOPE));
    call_api(&flow, &first.access).await.expect_let_in();
    let answer = refresh_with(&flow, &first.refresh, "&scope=me").await;
    let second = answer.expect_pair(3600, Some("me"));
    let answer = refresh(&flow, &second.refresh).await;
    let third = answer.expect_pair(3600, Some(SCOPE));
    for access in [&first.access, &second.access, &third.access] {
        call_api(&flow, access).await.expect_let_in();
    }
    assert_eq!(database.count("oauth_tokens", "1 = 1").await, 3);

    refresh(&flow, &first.refresh).await.expect_dead();
    refresh(&flow, &third.refresh).await.expect_dead();
    for access in [&first.access, &second.access, &third.access] {
        call_api(&flow, access).await.expect_invalid_token();
    }
    assert_eq!(database.count("oauth_families", "1 = 1").await, 0);
    assert_eq!(database.count("oauth_tokens", "1 = 1").await, 0);
}

/// The oldest makes room; the list begins with the newest; a logout ends one and no other.
async fn a_login_is_listed_capped_and_revoked(database: Database) {
    let database = database.migrated().await;
    let (flow, clock) = database.flow().await;
    let flow = flow
        .with_session_cap(NonZeroUsize::new(2).unwrap())
        .with_label(|_| Some("caf\u{e9}; DROP TABLE '\"\u{1f600}".to_owned()));
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(first_pair(&flow).await);
        clock.advance(seconds(1));
    }
    let listed = flow.families(&meera()).await.unwrap();
    let created: Vec<_> = listed
        .iter()
        .map(|family| family.created_at().as_secs())
        .collect();
    assert_eq!(created, [43_202, 43_201]);
    for family in &listed {
        assert_eq!(family.label(), Some("caf\u{e9}; DROP TABLE '\"\u{1f600}"));
    }
    call_api(&flow, &pairs[0].access)
        .await
        .expect_invalid_token();
    refresh(&flow, &pairs[0].refresh).await.expect_dead();

    let form = format!("token={}", pairs[1].refresh);
    let answer = post_with(flow.revocation_service(), &[], form).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    call_api(&flow, &pairs[1].access)
        .await
        .expect_invalid_token();
    call_api(&flow, &pairs[2].access).await.expect_let_in();
    let form = format!("token={}", pairs[2].access);
    let answer = post_with(flow.revocation_service(), &[], form).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    call_api(&flow, &pairs[2].access)
        .await
        .expect_invalid_token();
}

/// §5.2: which of the two it was is nobody's business.
async fn a_wrong_password_and_an_unknown_user_are_refused_alike(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    for form in [
        "grant_type=password&username=meera&password=wrong",
        "grant_type=password&username=ghost&password=secret123",
        "grant_type=password&username=MEERA&password=secret123",
        "grant_type=password&username=%27+OR+1%3D1+--&password=secret123",
    ] {
        let answer = send(flow.token_service(), token_request(form)).await;
        let description = "the username or the password is wrong";
        answer.expect_error(400, "invalid_grant", description);
    }
}

/// "Their tokens stop working with the next request", and no login and no refresh begins new ones.
async fn a_disabled_user_is_out_at_once(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let users = database.sql.users();
    let pair = first_pair(&flow).await;
    assert!(users.set_enabled(&meera(), false).await.unwrap());
    call_api(&flow, &pair.access).await.expect_invalid_token();
    refresh(&flow, &pair.refresh).await.expect_dead();
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.json["error"], "invalid_grant", "{answer:?}");

    assert!(users.set_enabled(&meera(), true).await.unwrap());
    call_api(&flow, &pair.access).await.expect_let_in();
    refresh(&flow, &pair.refresh).await.pair();
}

/// A login with a hash of a lower cost saves one of today's.
async fn a_weak_hash_is_replaced_at_login(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let flow = flow.with_hasher(tower_oauth2_password::password::Bcrypt::new(5).unwrap());
    first_pair(&flow).await;
    let users = database.sql.users();
    let account = users.find_account("meera").await.unwrap().unwrap();
    let stored = account.hash().unwrap().expose().to_owned();
    assert!(stored.starts_with("$2b$05$"), "{stored}");
    first_pair(&flow).await;

    assert!(users.set_hash(&meera(), hash("n3w-secret")).await.unwrap());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.json["error"], "invalid_grant", "{answer:?}");
}

/// What one process saved, another one reads, refreshes and revokes.
async fn logins_are_there_for_another_process(database: Database) {
    let mut database = database.migrated().await;
    let (flow, clock) = database.flow().await;
    let pair = first_pair(&flow).await;
    database.sql = database.open_again().await;
    let users = database.sql.users();
    let other = tower_oauth2_password::PasswordFlow::new(users, database.sql.tokens())
        .with_clock(clock)
        .with_refresh(Refresh::default());
    call_api(&other, &pair.access).await.expect_let_in();
    let next = refresh(&other, &pair.refresh).await.pair();
    call_api(&flow, &next.access).await.expect_let_in();
    assert_eq!(other.revoke_subject(&meera()).await.unwrap(), 1);
    call_api(&flow, &next.access).await.expect_invalid_token();
    refresh(&flow, &next.refresh).await.expect_dead();
}

const WITH_SALT: &str = "windows IS NOT NULL OR windows_end_at IS NOT NULL";

/// The salt and the spent token make its successors, so it goes without any further request.
async fn the_salt_of_a_window_is_deleted_when_it_closes(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let flow = flow.with_refresh(Refresh::default().with_grace(seconds(1)));
    let first = first_pair(&flow).await;
    assert_eq!(database.count("oauth_families", WITH_SALT).await, 0);
    refresh(&flow, &first.refresh).await.pair();
    assert_eq!(database.count("oauth_families", WITH_SALT).await, 1);
    assert_eq!(
        database
            .raw
            .number("SELECT CAST(LENGTH(windows) AS BIGINT) FROM oauth_families")
            .await,
        72
    );
    eventually(async || database.count("oauth_families", WITH_SALT).await == 0).await;
    assert_eq!(database.count("oauth_families", "1 = 1").await, 1);
}

/// Each window closes at its own time: a client that refreshes in time keeps no old salt alive.
async fn the_salt_of_one_window_does_not_wait_for_the_next(database: Database) {
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let grace = |secs| Refresh::default().with_grace(Duration::from_secs(secs));
    let flow = flow.with_refresh(grace(1));
    let first = first_pair(&flow).await;
    let second = refresh(&flow, &first.refresh).await.pair();
    let longer = flow.clone().with_refresh(grace(600));
    refresh(&longer, &second.refresh).await.pair();
    let length = "SELECT CAST(LENGTH(windows) AS BIGINT) FROM oauth_families";
    assert_eq!(database.raw.number(length).await, 2 * 72);
    eventually(async || database.raw.number(length).await == 72).await;
    // The other window is still open.
    refresh(&longer, &second.refresh).await.pair();
}
