//! Where users and logins live, by `--store`.

use std::{error::Error, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers,
    model::Password,
    password::PasswordHasher,
    store::{
        StoreError, TokenStore, UserStore,
        cached::{Cached, CachedUsers, PostgresNews, RedisNews},
        redis::RedisTokens,
        sql::{Sql, SqlUser, SqlUsers},
    },
};

use crate::args::{Args, Login};

/// What `--store` says.
#[derive(Clone)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
    Redis(String),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(text.to_owned())),
            _ => Err("expected memory, sqlite:PATH, postgres://... or redis://..."),
        }
    }
}

/// What handlers see of a user, whichever store it is from.
pub(crate) trait Named: Send + Sync + 'static {
    fn username(&self) -> &str;
}

pub(crate) struct User {
    username: String,
}

impl Named for User {
    fn username(&self) -> &str {
        &self.username
    }
}

impl Named for SqlUser {
    fn username(&self) -> &str {
        self.username()
    }
}

/// Asks the store whether it is there.
pub(crate) type Health = Arc<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Whoever serves, whatever the stores are.
pub(crate) trait Serve {
    async fn serve<U, T>(self, users: U, tokens: T, health: Health) -> Result<(), Box<dyn Error>>
    where
        U: UserStore<User: Named>,
        T: TokenStore;
}

/// Opens the stores and hands them to `server`.
pub(crate) async fn open(args: &Args, server: impl Serve) -> Result<(), Box<dyn Error>> {
    let timeout = Duration::from_secs(args.store_timeout.into());
    let staleness = Duration::from_secs(args.staleness.into());
    match &args.store {
        Place::Memory => {
            let health: Health = Arc::new(|| Box::pin(async { Ok(()) }));
            let tokens = MemoryTokens::new();
            server.serve(memory_users(args)?, tokens, health).await
        }
        Place::Sqlite(path) => {
            let sql = Sql::sqlite(path).await?.with_timeout(timeout);
            let tokens = Cached::new(sql.tokens()).with_staleness(staleness);
            let users = sql_users(&sql, args).await?.with_staleness(staleness);
            server.serve(users, tokens, sql_health(sql)).await
        }
        Place::Postgres(url) => {
            let sql = Sql::postgres(url)?.with_timeout(timeout);
            let mut tokens = Cached::new(sql.tokens()).with_staleness(staleness);
            if !args.no_news {
                tokens = tokens.with_news(PostgresNews::open(url, "oauth_revoked")?);
            }
            let users = sql_users(&sql, args).await?.with_staleness(staleness);
            server.serve(users, tokens, sql_health(sql)).await
        }
        Place::Redis(url) => {
            let redis = RedisTokens::open(url)?.with_timeout(timeout);
            let mut tokens = Cached::new(redis.clone()).with_staleness(staleness);
            if !args.no_news {
                tokens = tokens.with_news(RedisNews::open(url, "oauth:revoked")?);
            }
            let health: Health = Arc::new(move || {
                let redis = redis.clone();
                Box::pin(async move { redis.ping().await })
            });
            server.serve(memory_users(args)?, tokens, health).await
        }
    }
}

fn sql_health(sql: Sql) -> Health {
    Arc::new(move || {
        let sql = sql.clone();
        Box::pin(async move { sql.ping().await })
    })
}

fn memory_users(args: &Args) -> Result<MemoryUsers<User>, Box<dyn Error>> {
    let mut users = MemoryUsers::new().with_hasher(args.hasher.clone());
    for Login { name, password } in &args.users {
        let user = User {
            username: name.clone(),
        };
        users = users
            .with_scoped_user(name, password, args.scopes.clone(), user)
            .map_err(|error| format!("--user {name}: {error}"))?;
    }
    Ok(users)
}

/// Users who are there already stay as they are.
async fn sql_users(sql: &Sql, args: &Args) -> Result<CachedUsers<SqlUsers>, Box<dyn Error>> {
    sql.migrate().await?;
    let users = sql.users();
    for Login { name, password } in &args.users {
        if users.find_account(name).await?.is_some() {
            continue;
        }
        let hash = args.hasher.hash(&Password::new(password.as_str()));
        let hash = hash.map_err(|error| format!("--user {name}: {error}"))?;
        users.create(name, hash, args.scopes.clone()).await?;
    }
    Ok(CachedUsers::new(users))
}
