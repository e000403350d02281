use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, Postgres, postgres::PgPoolOptions};

use super::{
    Sql,
    engine::{Dialect, Pools},
};
use crate::store::StoreError;

const POSTGRES: Dialect = Dialect {
    bytes: "BYTEA",
    table: "",
    begin: "BEGIN",
    for_update: "FOR UPDATE",
    skip_locked: "FOR UPDATE SKIP LOCKED",
    // The number is any that no other program is likely to use.
    lock_schema: "SELECT 1 FROM pg_advisory_xact_lock(7362958104713)",
};

impl Sql {
    /// A PostgreSQL database, by a URL such as `postgres://user:password@host/database`. Nothing
    /// is asked yet: a server that is away now may be there later.
    ///
    /// Up to ten connections are opened as they are needed; for anything else make a pool and use
    /// [`from_postgres_pool`](Self::from_postgres_pool).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn postgres(url: &str) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(30))
            .connect_lazy(url)
            .map_err(StoreError::new)?;
        Ok(Self::from_postgres_pool(pool))
    }

    /// The PostgreSQL database of a pool that the application has already.
    ///
    /// It has to lead to the primary: a standby that lags behind answers tokens that were revoked.
    /// The pool's own time-outs do not matter: see [`with_timeout`](Self::with_timeout).
    pub fn from_postgres_pool(pool: PgPool) -> Self {
        Self::new(Arc::new(Pools::<Postgres> {
            read: pool.clone(),
            write: pool,
            dialect: &POSTGRES,
        }))
    }
}
