//! OWASP ASVS 16.2.5, RFC 6819 §5.1.6: no password, token, digest, hash or salt in a log, an error,
//! what `Debug` shows, or an answer that is not to hand it out.

mod exercise;
mod source;
mod types;

use std::{thread, time::Duration};

use tower_oauth2_password::{
    MemoryTokens, MemoryUsers,
    model::{Password, Scope},
    password::PasswordHasher,
    store::{
        StoreError, TokenStore, UserStore,
        cached::{Cached, CachedUsers, PostgresNews, RedisNews},
        redis::RedisTokens,
        sql::Sql,
    },
    throttle::{Admission, Attempt, Outcome, Throttle},
};

use self::exercise::{Exercise, PASSWORD};
use crate::support::{
    User,
    databases::Database,
    fast,
    faulty::FaultyTokens,
    refresh::meera,
    secrets::{Log, Secrets, Trail, ways},
    stores::FIRE,
};

fn scope() -> Scope {
    "me items:read".parse().unwrap()
}

fn users() -> MemoryUsers<User> {
    MemoryUsers::new()
        .with_hasher(fast())
        .with_scoped_user("meera", PASSWORD, scope(), User::new("Meera"))
        .unwrap()
}

/// A test of the test: each of these would be found.
#[test]
fn a_planted_secret_is_found_however_it_is_written() {
    let mut secrets = Secrets::default();
    for (name, secret) in [
        ("text", &b"p\"w %q+\xc3\xa9/x"[..]),
        ("bytes", &[7, 255, 0, 1, 128, 62, 63]),
    ] {
        secrets.add(name, secret);
        for (way, written) in ways(secret) {
            let text = [b"before=", &written[..], b"&after"].concat();
            let found = secrets.found_in(&text);
            assert!(
                found.contains(&format!("{name}, {way}")),
                "{name}, {way}: {found:?}"
            );
        }
        assert!(
            secrets
                .found_in(format!("{secret:?}{secret:#?}").as_bytes())
                .len()
                == 1
        );
    }
    assert!(secrets.found_in(b"nothing of the kind").is_empty());
}

/// A test of the test: a line is found that another thread logs at TRACE, be it a field of a span.
#[test]
fn a_planted_line_is_found_in_the_log() {
    let log = Log::watch();
    let plant = || {
        tracing::trace!(target: "elsewhere", "planted-in-an-event");
        drop(tracing::trace_span!("span", code = "planted-in-a-span").entered());
        log::trace!("planted-in-log");
    };
    thread::spawn(plant).join().unwrap();
    for planted in ["planted-in-an-event", "planted-in-a-span", "planted-in-log"] {
        let mut secrets = Secrets::default();
        secrets.add("planted", planted);
        assert!(
            secrets
                .found_in(&log.lines())
                .contains(&"planted, raw".to_owned())
        );
    }
}

#[tokio::test]
async fn no_secret_leaks_with_stores_in_memory() {
    let mut exercise = Exercise::new();
    exercise.run(users(), MemoryTokens::new()).await;
    exercise.assert_clean();
}

#[tokio::test]
async fn no_secret_leaks_with_caches_in_front() {
    let mut exercise = Exercise::new();
    exercise
        .run(CachedUsers::new(users()), Cached::new(MemoryTokens::new()))
        .await;
    exercise.assert_clean();
}

/// The lines of the driver are searched too, which logs each statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaks_with_sqlite() {
    let database = Database::sqlite().await.migrated().await;
    let users = database.sql.users();
    let hash = fast().hash(&Password::new(PASSWORD)).unwrap();
    users.create("meera", hash, scope()).await.unwrap().unwrap();
    let mut exercise = Exercise::new();
    exercise.trail.show("Sql", &database.sql);
    exercise.run(users, database.sql.tokens()).await;
    let log = String::from_utf8_lossy(&exercise.log.lines()).into_owned();
    assert!(log.contains("sqlx::query") && log.contains("oauth_tokens"));

    // The table goes away under it.
    for table in ["oauth_tokens", "oauth_families", "oauth_users"] {
        database.raw.run(&format!("DROP TABLE {table}")).await;
        exercise
            .run_broken(database.sql.users(), database.sql.tokens())
            .await;
    }
    exercise.assert_clean();
}

/// Each verb of the store fails in turn. What it says is for the operator, not for the client.
#[tokio::test]
async fn no_secret_leaks_when_a_store_fails() {
    let mut exercise = Exercise::new();
    for verb in [
        "insert",
        "find_access",
        "find_family",
        "find_families",
        "rotate",
        "revoke_access",
        "revoke_family",
        "revoke_subject",
    ] {
        let tokens = FaultyTokens::default();
        exercise.prepare(users(), tokens.clone()).await;
        tokens.fail(match verb {
            "insert" => &["insert"],
            "find_access" => &["find_access"],
            "find_family" => &["find_family"],
            "find_families" => &["find_families"],
            "rotate" => &["rotate"],
            "revoke_access" => &["revoke_access"],
            "revoke_family" => &["revoke_family"],
            _ => &["revoke_subject"],
        });
        exercise.run_broken(users(), tokens).await;
    }
    exercise.assert_clean();
    let mut marker = Secrets::default();
    marker.add("what the store says", FIRE);
    exercise.assert_not_told(&marker);
}

struct BrokenThrottle;

impl Throttle for BrokenThrottle {
    async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        match attempt.name() {
            "nobody" => Err(StoreError::new(FIRE)),
            _ => Ok(Admission::Go),
        }
    }

    async fn settle(&self, _: &Attempt, _: Outcome) -> Result<(), StoreError> {
        Err(StoreError::new(FIRE))
    }
}

/// A throttle that fails is logged; a hasher that fails or panics, and a stored hash that cannot be
/// read, too.
#[tokio::test]
async fn no_secret_leaks_when_throttle_or_hasher_fail() {
    let mut exercise = Exercise::new();
    exercise.prepare(users(), MemoryTokens::new()).await;
    exercise.run_with_throttle(users(), BrokenThrottle).await;
    exercise.run_with_broken_hashers(users()).await;
    exercise
        .run_with_damaged_hashes(&users().find_account("meera").await.unwrap().unwrap())
        .await;
    exercise.assert_clean();
    let mut marker = Secrets::default();
    marker.add("what the hasher says", FIRE);
    exercise.assert_not_told(&marker);
}

/// RFC 6749 §4.3, ASVS 6.5: a one-time code that the application's own authenticator reads.
#[tokio::test]
async fn no_secret_leaks_from_an_authenticator_with_a_code() {
    let mut exercise = Exercise::new();
    exercise.run_with_code(users()).await;
    exercise.assert_clean();
}

/// The password in the URL of a database, be the URL wrong or the database away.
#[tokio::test]
async fn no_password_of_a_database_is_shown() {
    let log = Log::watch();
    let mut secrets = Secrets::default();
    secrets.add("password of the database", "Wombat-7731-db");
    let mut trail = Trail::default();
    for rest in [
        "127.0.0.1:1/x",
        "[::1",
        "host:port/x",
        "host/x?sslmode=never",
        "",
    ] {
        let url = |scheme: &str| format!("{scheme}://meera:Wombat-7731-db@{rest}");
        for scheme in ["postgres", "redis", "nonsense"] {
            let url = url(scheme);
            match Sql::postgres(&url) {
                Ok(sql) => {
                    let sql = sql.with_timeout(Duration::from_millis(100));
                    trail.show("Sql", &sql);
                    trail.error("ping", &sql.ping().await.unwrap_err());
                    trail.show("SqlTokens", &sql.tokens());
                    trail.show("SqlUsers", &sql.users());
                    trail.show("SqlClients", &sql.clients());
                }
                Err(error) => trail.error("postgres", &error),
            }
            match PostgresNews::open(&url, "revoked") {
                Ok(news) => trail.show("PostgresNews", &news),
                Err(error) => trail.error("PostgresNews", &error),
            }
            match RedisTokens::open(&url) {
                Ok(tokens) => {
                    trail.show("RedisTokens", &tokens);
                    let asked = tokens.find_families(&meera()).await;
                    trail.error("find_families", &asked.unwrap_err());
                }
                Err(error) => trail.error("redis", &error),
            }
            match RedisNews::open(&url, "revoked") {
                Ok(news) => trail.show("RedisNews", &news),
                Err(error) => trail.error("RedisNews", &error),
            }
        }
    }
    trail.assert_clean(&secrets);
    secrets.assert_absent("the log", log.lines());
}
