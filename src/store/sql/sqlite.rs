use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Sqlite, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Sql,
    engine::{Dialect, Pools},
};
use crate::store::StoreError;

const SQLITE: Dialect = Dialect {
    bytes: "BLOB",
    table: "STRICT, WITHOUT ROWID",
    // It has to be known at the beginning that something will be written: a transaction that has
    // read cannot always become one that writes.
    begin: "BEGIN IMMEDIATE",
    for_update: "",
    skip_locked: "",
    lock_schema: "SELECT 1",
};

/// More readers than cores only wait for each other.
const READERS: u32 = 4;

impl Sql {
    /// A SQLite database in the file `path`, which is made if it is not there. For one machine;
    /// several processes may share the file.
    ///
    /// It is kept in WAL mode and written with `synchronous = FULL`, so that neither a killed
    /// process nor a lost power supply takes anything that was acknowledged. One connection
    /// writes, four read.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be opened.
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // A salt that is deleted is not to stay in the file.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(5));
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(30))
                .test_before_acquire(false)
        };
        let write = pool(1).connect_with(options.clone()).await;
        let write: SqlitePool = write.map_err(StoreError::new)?;
        let read = pool(READERS).connect_lazy_with(options);
        Ok(Self::new(Arc::new(Pools::<Sqlite> {
            read,
            write,
            dialect: &SQLITE,
        })))
    }
}
