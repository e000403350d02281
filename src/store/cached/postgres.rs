use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};

use super::{News, Revoked};
use crate::store::StoreError;

/// How long after a lost connection it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// [`News`] over PostgreSQL: `NOTIFY` and `LISTEN`.
pub struct PostgresNews {
    pool: PgPool,
    channel: String,
}

impl PostgresNews {
    /// Speaks and listens on `channel`, such as `oauth_revoked`, of the database at `url`, on one
    /// connection each. Nothing is asked yet. To be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn open(url: &str, channel: impl Into<String>) -> Result<Self, StoreError> {
        let options = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(2));
        let pool = options.connect_lazy(url).map_err(StoreError::new)?;
        Ok(Self::from_pool(pool, channel))
    }

    /// As [`open`](Self::open), with a pool that the application has already. One of its
    /// connections listens all the time.
    pub fn from_pool(pool: PgPool, channel: impl Into<String>) -> Self {
        let channel = channel.into();
        Self { pool, channel }
    }
}

impl News for PostgresNews {
    fn tell(&self, revoked: Revoked) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(&self.channel)
                .bind(revoked.to_message())
                .execute(&self.pool)
                .await
                .map_err(StoreError::new)?;
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
                if let Ok(mut listener) = PgListener::connect_with(&pool).await {
                    if listener.listen(&channel).await.is_ok() {
                        missed();
                        // `None` is a lost connection; the outer loop makes a new one and says so.
                        while let Ok(Some(message)) = listener.try_recv().await {
                            if let Some(revoked) = Revoked::from_message(message.payload()) {
                                heard(revoked);
                            }
                        }
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}

impl fmt::Debug for PostgresNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresNews")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
