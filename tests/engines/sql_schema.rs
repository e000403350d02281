//! [`Sql::migrate`](tower_oauth2_password::store::sql::Sql::migrate) and the names of tables and
//! keys.

use futures_util::future::join_all;
use tower_oauth2_password::store::{UserStore, redis::KeyPrefix, sql::TablePrefix};

use crate::support::{
    databases::{Database, add_user, on_sqlite_and_postgres},
    refresh::{call_api, first_pair},
};

on_sqlite_and_postgres! {
    the_tables_are_made_on_first_use_and_stay
    many_nodes_may_migrate_at_once
    tables_of_a_later_version_are_refused_and_left_alone
    a_later_version_without_tables_gets_none
    prefixes_keep_installations_apart
    no_prefix_is_a_prefix
    a_database_that_is_not_migrated_is_an_error
}

/// "Nothing happens if they are": whoever is in them is still there.
async fn the_tables_are_made_on_first_use_and_stay(database: Database) {
    let Database { sql, raw, .. } = &database;
    sql.migrate().await.unwrap();
    assert_eq!(raw.number("SELECT version FROM oauth_schema").await, 1);
    for table in ["families", "tokens", "users", "clients"] {
        assert_eq!(database.count(&format!("oauth_{table}"), "1 = 1").await, 0);
    }

    add_user(&sql.users(), "meera", "secret123").await;
    sql.migrate().await.unwrap();
    assert_eq!(database.count("oauth_schema", "version = 1").await, 1);
    assert_eq!(database.count("oauth_schema", "1 = 1").await, 1);
    assert!(sql.users().find_account("meera").await.unwrap().is_some());
}

/// "Several nodes may do this at once", each with several tasks.
async fn many_nodes_may_migrate_at_once(database: Database) {
    let other = database.open_again().await;
    let crowd = (0..16).map(|at| {
        let sql = if at % 2 == 0 { &database.sql } else { &other };
        sql.migrate()
    });
    for migrated in join_all(crowd).await {
        migrated.unwrap();
    }
    assert_eq!(database.count("oauth_schema", "1 = 1").await, 1);
    add_user(&other.users(), "meera", "secret123").await;
    assert_eq!(database.count("oauth_users", "1 = 1").await, 1);
}

/// A node that was not yet replaced must not take the tables of a newer one for its own.
async fn tables_of_a_later_version_are_refused_and_left_alone(database: Database) {
    let database = database.migrated().await;
    let Database { sql, raw, .. } = &database;
    add_user(&sql.users(), "meera", "secret123").await;
    for version in ["2", "99", "-1"] {
        raw.run(&format!("UPDATE oauth_schema SET version = {version}"))
            .await;
        let error = sql.migrate().await.unwrap_err().to_string();
        assert!(error.ends_with("which is later than this crate"), "{error}");
        let version = format!("version = {version}");
        assert_eq!(database.count("oauth_schema", &version).await, 1);
        assert_eq!(database.count("oauth_users", "1 = 1").await, 1);
    }
}

/// The refusal comes before the first change.
async fn a_later_version_without_tables_gets_none(database: Database) {
    let Database { sql, raw, .. } = &database;
    raw.run("CREATE TABLE oauth_schema (version BIGINT NOT NULL PRIMARY KEY)")
        .await;
    raw.run("INSERT INTO oauth_schema (version) VALUES (2)")
        .await;
    sql.migrate().await.unwrap_err();
    sql.users().find_account("meera").await.unwrap_err();
    assert_eq!(raw.number("SELECT version FROM oauth_schema").await, 2);
}

/// Two applications in one database know nothing of each other.
async fn prefixes_keep_installations_apart(database: Database) {
    let mut database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let here = first_pair(&flow).await;

    let longest = TablePrefix::new("a".repeat(32)).unwrap();
    for prefix in [TablePrefix::new("shop_").unwrap(), longest] {
        database.sql = database.sql.with_prefix(prefix);
        database.sql.migrate().await.unwrap();
        let users = database.sql.users();
        assert!(users.find_account("meera").await.unwrap().is_none());
        let (other, _clock) = database.flow().await;
        let there = first_pair(&other).await;
        call_api(&other, &there.access).await.expect_let_in();
        call_api(&other, &here.access).await.expect_invalid_token();
        call_api(&flow, &there.access).await.expect_invalid_token();
    }
    assert_eq!(database.count("oauth_families", "1 = 1").await, 1);
    assert_eq!(database.count("shop_families", "1 = 1").await, 1);
    call_api(&flow, &here.access).await.expect_let_in();
}

/// For a database of its own.
async fn no_prefix_is_a_prefix(mut database: Database) {
    let prefix = TablePrefix::new("").unwrap();
    database.sql = database.sql.with_prefix(prefix);
    let database = database.migrated().await;
    let (flow, _clock) = database.flow().await;
    let pair = first_pair(&flow).await;
    call_api(&flow, &pair.access).await.expect_let_in();
    assert_eq!(database.count("families", "1 = 1").await, 1);
}

/// And not a user who is not found.
async fn a_database_that_is_not_migrated_is_an_error(database: Database) {
    database.sql.ping().await.unwrap();
    let found = database.sql.users().find_account("meera").await;
    found.unwrap_err();
}

/// Whatever is no part of a plain identifier could end a statement.
#[test]
fn a_table_prefix_is_a_plain_identifier() {
    let longest = "a".repeat(32);
    for good in ["", "_", "oauth_", "a1_", longest.as_str()] {
        assert!(TablePrefix::new(good).is_ok(), "{good:?}");
    }
    let too_long = "a".repeat(33);
    for bad in [
        "1a",
        "A_",
        "a-b",
        "a b",
        "a.b",
        "a\"",
        "a'",
        "a;",
        "a{",
        "a}",
        "a$",
        "é",
        "a\0",
        "a\n",
        "\u{ff41}",
        too_long.as_str(),
    ] {
        assert!(TablePrefix::new(bad).is_err(), "{bad:?}");
    }
}

/// A brace would choose the slot of a cluster; the rest would be hard to type.
#[test]
fn a_key_prefix_is_visible_ascii_without_braces() {
    let longest = "a".repeat(64);
    for good in ["", "oauth:", "Shop/1:", "*'\"\\", longest.as_str()] {
        assert!(KeyPrefix::new(good).is_ok(), "{good:?}");
    }
    let too_long = "a".repeat(65);
    for bad in [
        "{",
        "}",
        "a{b}:",
        "a b",
        "a\t",
        "a\0",
        "a\n",
        "é",
        too_long.as_str(),
    ] {
        assert!(KeyPrefix::new(bad).is_err(), "{bad:?}");
    }
}
