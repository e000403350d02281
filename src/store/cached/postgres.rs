use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    Executor, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    News, Revoked,
    listen::{PATIENCE, PAUSE, QUIET, pass_on},
};
use crate::store::{StoreError, sql::Loan};

/// [`News`] over PostgreSQL: `NOTIFY` and `LISTEN`.
pub struct PostgresNews {
    pool: PgPool,
    channel: String,
}

impl PostgresNews {
    /// Speaks and listens on `channel`, such as `oauth_revoked`, of the database at `url`, on one
    /// connection each. Nothing is asked yet. To be called inside a Tokio runtime.
    ///
    /// The channel is for this alone: a message that is none of its news empties the caches. Any role
    /// that can connect to the database can send one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn open(url: &str, channel: impl Into<String>) -> Result<Self, StoreError> {
        let options = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(2));
        let pool = options.connect_lazy(url).map_err(StoreError::new)?;
        Ok(Self::from_pool(pool, channel))
    }

    /// As [`open`](Self::open), with a pool that the application has already. It listens on a
    /// connection of its own, made with the options of the pool.
    pub fn from_pool(pool: PgPool, channel: impl Into<String>) -> Self {
        let channel = channel.into();
        Self { pool, channel }
    }
}

impl News for PostgresNews {
    fn tell(&self, revoked: Revoked) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut loan = Loan::of(&self.pool).await.map_err(StoreError::new)?;
            let connection = loan.connection().map_err(StoreError::new)?;
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(&self.channel)
                .bind(revoked.to_message())
                .execute(connection)
                .await
                .map_err(StoreError::new)?;
            loan.give_back();
            Ok(())
        })
    }

    fn listen(
        &self,
        heard: Arc<dyn Fn(Revoked) + Send + Sync>,
        missed: Arc<dyn Fn() + Send + Sync>,
    ) -> BoxFuture<'static, ()> {
        let (pool, channel) = (self.pool.clone(), self.channel.clone());
        Box::pin(async move {
            loop {
                listen_once(&pool, &channel, &*heard, &*missed).await;
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}

/// Until the connection is lost, be it in silence.
async fn listen_once(
    pool: &PgPool,
    channel: &str,
    heard: &(dyn Fn(Revoked) + Send + Sync),
    missed: &(dyn Fn() + Send + Sync),
) {
    // A pool of its own, which goes with it: a connection that is lost in silence would keep its
    // place in the other one.
    let options = pool.connect_options();
    let alone = PgPoolOptions::new().max_connections(1);
    let alone = alone.connect_lazy_with((*options).clone());
    let listening = timeout(PATIENCE, async {
        let mut listener = PgListener::connect_with(&alone).await?;
        listener.listen(channel).await?;
        Ok::<_, sqlx::Error>(listener)
    });
    let Ok(Ok(mut listener)) = listening.await else {
        return;
    };
    listener.eager_reconnect(false);
    missed();
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(message))) => {
                pass_on(message.payload(), heard, missed);
            }
            // `None` is a lost connection; the next one is made anew, and says so.
            Ok(Ok(None) | Err(_)) => return,
            Err(_) => {
                let there = timeout(PATIENCE, listener.execute("SELECT 1")).await;
                if !matches!(there, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for PostgresNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresNews")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
