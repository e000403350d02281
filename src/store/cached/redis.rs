use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture};
use redis::Client;

use super::{News, Revoked};
use crate::store::{StoreError, redis::Connection};

/// How long after a lost connection it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// [`News`] over Redis: `PUBLISH` and `SUBSCRIBE`.
pub struct RedisNews {
    client: Client,
    connection: Connection,
    channel: String,
}

impl RedisNews {
    /// Speaks and listens on `channel`, such as `oauth:revoked`, of the Redis at `url`. Nothing is
    /// asked yet. To be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL cannot be read.
    pub fn open(url: &str, channel: impl Into<String>) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(StoreError::new)?;
        let connection = Connection::new(client.clone())?;
        Ok(Self {
            client,
            connection,
            channel: channel.into(),
        })
    }
}

impl News for RedisNews {
    fn tell(&self, revoked: Revoked) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut connection = self.connection.clone();
        Box::pin(async move {
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(&self.channel).arg(revoked.to_message());
            let told = publish.query_async::<()>(&mut connection).await;
            told.map_err(StoreError::new)
        })
    }

    fn listen(
        &self,
        heard: Arc<dyn Fn(Revoked) + Send + Sync>,
        missed: Arc<dyn Fn() + Send + Sync>,
    ) -> BoxFuture<'static, ()> {
        let (client, channel) = (self.client.clone(), self.channel.clone());
        Box::pin(async move {
            loop {
                if let Ok(mut pubsub) = client.get_async_pubsub().await {
                    if pubsub.subscribe(&channel).await.is_ok() {
                        missed();
                        let mut messages = pubsub.on_message();
                        while let Some(message) = messages.next().await {
                            let text = message.get_payload::<String>().unwrap_or_default();
                            if let Some(revoked) = Revoked::from_message(&text) {
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

impl std::fmt::Debug for RedisNews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisNews")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
