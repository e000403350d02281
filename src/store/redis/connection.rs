use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::{
    Client, Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};

use crate::store::StoreError;

/// What has waited for so long and is given up may be waiting for a server that is no more.
const SILENCE: Duration = Duration::from_millis(200);

/// A connection that gives up soon and comes back soon: a [`ConnectionManager`], which is made anew
/// when a question was not answered. By itself it waits for a lost server until the system says that
/// the connection is dead, which may take a quarter of an hour. A clone is the same connection.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    current: Arc<Mutex<Current>>,
}

struct Current {
    manager: ConnectionManager,
    /// How many there were before it.
    number: u64,
}

impl Connection {
    /// Connects through `client` when something is asked. To be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the driver does not take its configuration.
    pub fn new(client: Client) -> Result<Self, StoreError> {
        let current = Current {
            manager: connect(&client).map_err(StoreError::new)?,
            number: 0,
        };
        Ok(Self {
            client,
            current: Arc::new(Mutex::new(current)),
        })
    }

    /// The connection of this moment, for one question.
    fn ask(&self) -> (ConnectionManager, Question<'_>) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let question = Question {
            connection: self,
            number: current.number,
            began: Instant::now(),
            answered: false,
        };
        (current.manager.clone(), question)
    }

    /// Lets the connection of that number go, unless somebody has done so. Who still waits for an
    /// answer on it may get one.
    fn replace(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != number {
            return;
        }
        if let Ok(manager) = connect(&self.client) {
            current.manager = manager;
            current.number += 1;
        }
    }
}

fn connect(client: &Client) -> redis::RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_millis(200))
        .set_connection_timeout(Some(Duration::from_secs(1)))
        .set_response_timeout(Some(Duration::from_secs(1)));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Something that was asked. Dropped without an answer, be it that the driver or that the caller
/// did not want to wait any longer, it has the connection replaced.
struct Question<'a> {
    connection: &'a Connection,
    number: u64,
    began: Instant,
    answered: bool,
}

impl Question<'_> {
    fn hear<T>(mut self, answer: redis::RedisResult<T>) -> redis::RedisResult<T> {
        self.answered = !matches!(&answer, Err(error) if error.is_timeout());
        answer
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if !self.answered && self.began.elapsed() >= SILENCE {
            self.connection.replace(self.number);
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (mut manager, question) = self.ask();
            question.hear(manager.req_packed_command(command).await)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (mut manager, question) = self.ask();
            let answers = manager.req_packed_commands(commands, offset, count);
            question.hear(answers.await)
        })
    }

    fn get_db(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
