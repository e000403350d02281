use std::sync::Arc;

use futures_util::{StreamExt, future::BoxFuture};
use redis::{Client, RedisError, Value};
use tokio::time::timeout;

use super::{
    News, Revoked,
    listen::{PATIENCE, PAUSE, QUIET, pass_on},
};
use crate::store::{StoreError, redis::Connection};

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
    /// The channel is for this alone: a message that is none of its news empties the caches.
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
                listen_once(&client, &channel, &*heard, &*missed).await;
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}

/// Until the connection is lost, be it in silence.
async fn listen_once(
    client: &Client,
    channel: &str,
    heard: &(dyn Fn(Revoked) + Send + Sync),
    missed: &(dyn Fn() + Send + Sync),
) {
    let subscribed = timeout(PATIENCE, async {
        let mut pubsub = client.get_async_pubsub().await?;
        pubsub.subscribe(channel).await?;
        Ok::<_, RedisError>(pubsub.split())
    });
    let Ok(Ok((mut sink, mut messages))) = subscribed.await else {
        return;
    };
    missed();
    loop {
        match timeout(QUIET, messages.next()).await {
            Ok(Some(message)) => {
                let text = message.get_payload::<String>().unwrap_or_default();
                pass_on(&text, heard, missed);
            }
            Ok(None) => return,
            Err(_) => {
                let pong = timeout(PATIENCE, sink.ping::<Value>()).await;
                if !matches!(pong, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

impl std::fmt::Debug for RedisNews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisNews")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
