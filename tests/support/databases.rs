//! SQL databases, and a way past the crate into their tables.

use sqlx::{AssertSqlSafe, Executor, PgPool, SqlitePool};
use tower_oauth2_password::{
    PasswordFlow,
    model::{Clock, Password, PasswordHash, Scope, Subject},
    password::PasswordHasher,
    store::{
        Account,
        sql::{Sql, SqlTokens, SqlUsers},
    },
    token::Refresh,
};

use super::{
    NOON, fast,
    refresh::SCOPE,
    servers::{Engine, Folder, Postgres},
};

/// A database that is empty at first.
pub struct Database {
    pub sql: Sql,
    pub raw: Raw,
    at: Place,
}

/// Where it is; it goes with this.
enum Place {
    File(Folder),
    Server(Postgres),
}

/// The same database, for what the crate has no function for.
pub enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    pub async fn sqlite() -> Self {
        let at = Place::File(Folder::new());
        let sql = at.open().await;
        let Place::File(folder) = &at else {
            unreachable!()
        };
        let file = format!("sqlite://{}", folder.join("logins.db").display());
        let raw = Raw::Sqlite(SqlitePool::connect(&file).await.unwrap());
        Self { sql, raw, at }
    }

    pub async fn postgres() -> Self {
        Self::on(Postgres::run()).await
    }

    pub async fn on(postgres: Postgres) -> Self {
        let raw = Raw::Postgres(PgPool::connect(&postgres.url()).await.unwrap());
        let at = Place::Server(postgres);
        let sql = at.open().await;
        Self { sql, raw, at }
    }

    /// With its tables.
    pub async fn migrated(self) -> Self {
        self.sql.migrate().await.unwrap();
        self
    }

    /// As another process has it.
    pub async fn open_again(&self) -> Sql {
        self.at.open().await
    }

    /// meera, password `secret123`, who may have [`SCOPE`]. The clock stands at [`NOON`].
    pub async fn flow(&self) -> (PasswordFlow<SqlUsers, SqlTokens>, Clock) {
        let users = self.sql.users();
        add_user(&users, "meera", "secret123").await;
        let clock = Clock::manual(NOON);
        let flow = PasswordFlow::new(users, self.sql.tokens())
            .with_hasher(fast())
            .with_clock(clock.clone())
            .with_refresh(Refresh::default());
        (flow, clock)
    }

    /// How many rows a table has for which `condition` holds.
    pub async fn count(&self, table: &str, condition: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
        self.raw.number(&sql).await
    }
}

impl Place {
    async fn open(&self) -> Sql {
        match self {
            Self::File(folder) => Sql::sqlite(folder.join("logins.db")).await.unwrap(),
            Self::Server(postgres) => Sql::postgres(&postgres.url()).unwrap(),
        }
    }
}

impl Raw {
    pub async fn run(&self, sql: &str) {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(pool) => drop(pool.execute(query).await.unwrap()),
            Self::Postgres(pool) => drop(pool.execute(query).await.unwrap()),
        }
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// Bytes as they are written in SQL.
    pub fn bytes(&self, hex: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{hex}'"),
            Self::Postgres(_) => format!("decode('{hex}', 'hex')"),
        }
    }
}

pub fn hash(password: &str) -> PasswordHash {
    fast().hash(&Password::new(password)).unwrap()
}

pub fn scope() -> Scope {
    SCOPE.parse().unwrap()
}

/// A user whose subject is the username, and who may have [`SCOPE`].
pub async fn add_user(users: &SqlUsers, username: &str, password: &str) {
    let account = Account::new(Subject::new(username).unwrap())
        .with_hash(hash(password))
        .with_scope(scope());
    assert!(users.insert(username, &account).await.unwrap());
}

/// Tests that do the same on SQLite and on PostgreSQL: the functions of these names, with an empty
/// [`Database`].
macro_rules! on_sqlite_and_postgres {
    ($($name:ident)*) => {
        mod on_sqlite {
            use crate::support::databases::Database;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Database::sqlite().await).await;
                }
            )*
        }

        mod on_postgres {
            use crate::support::databases::Database;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs postgresql; tests/run.sh installs it and runs this"]
                async fn $name() {
                    super::$name(Database::postgres().await).await;
                }
            )*
        }
    };
}

pub(crate) use on_sqlite_and_postgres;
