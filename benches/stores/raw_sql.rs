//! What `SqlTokens` does, by sqlx alone.

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Database, Encode, Executor, FromRow, IntoArguments, PgPool, Pool, Postgres,
    Sqlite, Type,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tower_oauth2_password::model::TokenDigest;

use crate::logins::{FamilyRow, Login, Refresh, Side, TokenRow};

const INSERT_FAMILY: &str = "INSERT INTO oauth_families (id, subject, client, scope, label, \
     created_at, ordinal, refreshed_at, expires_at, chain, windows, windows_end_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT DO NOTHING RETURNING 1";
const INSERT_TOKEN: &str = "INSERT INTO oauth_tokens (digest, family, scope, issued_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1";
const FIND_ACCESS: &str = "SELECT f.subject, f.client, t.scope, t.family, t.issued_at, t.expires_at \
     FROM oauth_tokens t JOIN oauth_families f ON f.id = t.family WHERE t.digest = $1";
const FIND_FAMILY: &str = "SELECT id, subject, client, scope, label, created_at, ordinal, \
     refreshed_at, expires_at, chain, windows FROM oauth_families WHERE id = $1 ";
const UPDATE_FAMILY: &str = "UPDATE oauth_families SET refreshed_at = $2, expires_at = $3, \
     chain = $4, windows = $5, windows_end_at = $6 WHERE id = $1";

const DROP_OLD: &str = "DELETE FROM oauth_tokens WHERE family = $1 AND digest <> $2 AND digest NOT IN \
     (SELECT digest FROM oauth_tokens WHERE family = $1 ORDER BY issued_at DESC LIMIT 16)";

type SessionColumns = (String, Option<String>, String, Vec<u8>, i64, i64);
type FamilyColumns = (
    Vec<u8>,
    String,
    Option<String>,
    String,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
);

/// The pools, and how the engines differ.
pub struct RawSql<DB: Database> {
    read: Pool<DB>,
    write: Pool<DB>,
    begin: &'static str,
    lock_family: Arc<str>,
}

impl RawSql<Sqlite> {
    pub async fn open(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(30))
                .test_before_acquire(false)
        };
        Self {
            write: pool(1).connect_with(options.clone()).await.unwrap(),
            read: pool(4).connect_lazy_with(options),
            begin: "BEGIN IMMEDIATE",
            lock_family: FIND_FAMILY.into(),
        }
    }
}

impl RawSql<Postgres> {
    pub fn open(url: &str) -> Self {
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(30))
            .connect_lazy(url)
            .unwrap();
        Self {
            read: pool.clone(),
            write: pool,
            begin: "BEGIN",
            lock_family: format!("{FIND_FAMILY}FOR UPDATE").into(),
        }
    }
}

impl<DB> Side for RawSql<DB>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> SessionColumns: FromRow<'r, DB::Row>,
    for<'r> FamilyColumns: FromRow<'r, DB::Row>,
    for<'v> i64: Type<DB> + Encode<'v, DB>,
    for<'v> &'v str: Type<DB> + Encode<'v, DB>,
    for<'v> &'v [u8]: Type<DB> + Encode<'v, DB>,
    for<'v> Option<i64>: Type<DB> + Encode<'v, DB>,
    for<'v> Option<&'v str>: Type<DB> + Encode<'v, DB>,
    for<'v> Option<&'v [u8]>: Type<DB> + Encode<'v, DB>,
{
    async fn look_up(&self, access: TokenDigest) {
        let mut connection = self.read.acquire().await.unwrap();
        let rows = sqlx::query_as::<DB, SessionColumns>(FIND_ACCESS)
            .bind(&access.as_bytes()[..])
            .fetch_all(&mut *connection)
            .await;
        black_box(rows.unwrap().pop().unwrap());
    }

    async fn log_in(&self, login: Login) {
        let mut work = self.write.begin_with(self.begin).await.unwrap();
        let family = &login.family_row;
        let inserted = sqlx::query::<DB>(INSERT_FAMILY)
            .bind(&family.id.as_bytes()[..])
            .bind(family.subject.as_str())
            .bind(family.client.as_deref())
            .bind(family.scope.as_str())
            .bind(family.label.as_deref())
            .bind(family.created_at)
            .bind(family.order)
            .bind(family.refreshed_at)
            .bind(family.expires_at)
            .bind(family.chain.as_slice())
            .bind(None::<&[u8]>)
            .bind(None::<i64>)
            .fetch_all(&mut *work)
            .await;
        assert_eq!(inserted.unwrap().len(), 1);
        insert_token::<DB>(&mut work, family, &login.token_row).await;
        work.commit().await.unwrap();
    }

    async fn refresh(&self, refresh: Refresh) {
        let mut work = self.write.begin_with(self.begin).await.unwrap();
        let new = &refresh.family_row;
        let statement = AssertSqlSafe(Arc::clone(&self.lock_family));
        let families = sqlx::query_as::<DB, FamilyColumns>(statement)
            .bind(&new.id.as_bytes()[..])
            .fetch_all(&mut *work)
            .await;
        black_box(families.unwrap().pop().unwrap());
        insert_token::<DB>(&mut work, new, &refresh.token_row).await;
        sqlx::query::<DB>(DROP_OLD)
            .bind(&new.id.as_bytes()[..])
            .bind(&refresh.token_row.digest.as_bytes()[..])
            .fetch_all(&mut *work)
            .await
            .unwrap();
        sqlx::query::<DB>(UPDATE_FAMILY)
            .bind(&new.id.as_bytes()[..])
            .bind(new.refreshed_at)
            .bind(new.expires_at)
            .bind(new.chain.as_slice())
            .bind(None::<&[u8]>)
            .bind(None::<i64>)
            .fetch_all(&mut *work)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
}

async fn insert_token<DB>(connection: &mut DB::Connection, family: &FamilyRow, token: &TokenRow)
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'v> i64: Type<DB> + Encode<'v, DB>,
    for<'v> &'v str: Type<DB> + Encode<'v, DB>,
    for<'v> &'v [u8]: Type<DB> + Encode<'v, DB>,
{
    let inserted = sqlx::query::<DB>(INSERT_TOKEN)
        .bind(&token.digest.as_bytes()[..])
        .bind(&family.id.as_bytes()[..])
        .bind(token.scope.as_str())
        .bind(token.issued_at)
        .bind(token.expires_at)
        .fetch_all(connection)
        .await;
    assert_eq!(inserted.unwrap().len(), 1);
}
