use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation, aio::ConnectionLike};

use crate::store::StoreError;

/// A Redis, and how it is asked.
#[derive(Clone)]
pub(crate) struct Server<C> {
    connection: C,
    timeout: Duration,
}

impl<C> Server<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    pub(crate) fn new(connection: C) -> Self {
        Self {
            connection,
            timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::new(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// Asks something that may be asked twice. A connection that was lost while nobody looked
    /// fails the first time only.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match command.query_async(&mut connection).await {
            Err(error) if is_lost(&error) => command.query_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }

    /// As [`ask`](Self::ask), for several commands at once.
    pub(super) async fn ask_all<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match commands.query_async(&mut connection).await {
            Err(error) if is_lost(&error) => commands.query_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }

    /// Runs a script, all of which may be sent twice.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match script.invoke_async(&mut connection).await {
            Err(error) if is_lost(&error) => script.invoke_async(&mut connection).await,
            other => other,
        }
        .map_err(StoreError::new)
    }
}

impl<C> Server<C> {
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() && !error.is_timeout()
}

pub(super) fn del(key: String) -> Cmd {
    let mut command = redis::cmd("DEL");
    command.arg(key);
    command
}
