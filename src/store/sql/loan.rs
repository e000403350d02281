use std::time::Duration;

use sqlx::{Database, Executor, Pool, pool::PoolConnection};
use tokio::{runtime::Handle, time::timeout};

/// How long a connection has to show that it still answers before it may be used again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection of a pool, which is closed unless it is given back.
///
/// A pool takes back whatever is dropped, after a question to it. A connection whose answer was given
/// up may never say anything again, and the pool would wait for it for as long as TCP does, with one
/// connection less. Nor is one worth keeping on which a transaction failed: SQLite may have ended it
/// by itself, as on a full disk, and whoever counts open transactions counts wrong from then on.
pub(in crate::store) struct Loan<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Loan<DB> {
    pub(in crate::store) async fn of(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Ok(Self(Some(pool.acquire().await?)))
    }

    pub(in crate::store) fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Gives the connection back, of which the pool then asks whether it still answers. One that
    /// does not within a second is closed.
    pub(in crate::store) fn give_back(mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.0.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            timeout(PATIENCE, connection.return_to_pool()).await.ok();
        });
    }
}

impl<DB> Loan<DB>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Runs a statement without values, as it stands.
    pub(in crate::store) async fn command(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.connection()?.execute(sql).await.map(drop)
    }
}

impl<DB: Database> Drop for Loan<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
