//! Stores in a SQL database: SQLite for one machine, PostgreSQL for many.
//!
//! ```no_run
//! use tower_oauth2_password::{PasswordFlow, store::sql::Sql};
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "sqlite")] {
//! let database = Sql::sqlite("logins.db").await?;
//! database.migrate().await?;
//! let flow = PasswordFlow::new(database.users(), database.tokens());
//! # let _ = flow;
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Tables
//!
//! [`Sql::migrate`] makes them; [`Sql::with_prefix`] sets what their names begin with. Times are
//! seconds since 1970, digests are SHA-256, scopes are tokens with one space between them.
//!
//! | table | columns |
//! | --- | --- |
//! | `oauth_families` | `id` (16 bytes, key), `subject`, `client`, `scope`, `label`, `created_at`, `ordinal` (among logins of a second), `refreshed_at`, `expires_at`, `chain` ([`Chain::to_bytes`]), `windows` ([`Chain::windows_to_bytes`]), `windows_end_at` |
//! | `oauth_tokens` | `digest` (32 bytes, key), `family` (goes with it), `scope`, `issued_at`, `expires_at` |
//! | `oauth_users` | `subject` (key), `username` (unique), `hash`, `scope`, `enabled` (0 or 1) |
//! | `oauth_clients` | `id` (key), `secret` (32 bytes), `grants`, `scope`, `introspects` (0 or 1) |
//! | `oauth_schema` | `version`, one row |
//!
//! # Failure
//!
//! What takes longer than [`Sql::with_timeout`] is given up and is a [`StoreError`]: 503 for the
//! client, who may try again. Connections come back by themselves when the database does.
//!
//! [`Chain::to_bytes`]: crate::model::Chain::to_bytes
//! [`Chain::windows_to_bytes`]: crate::model::Chain::windows_to_bytes

mod clients;
mod engine;
mod loan;
#[cfg(feature = "postgres")]
mod postgres;
mod refusal;
mod rows;
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod tokens;
mod users;

pub use clients::SqlClients;
#[cfg(all(feature = "cache", feature = "postgres"))]
pub(super) use loan::Loan;
pub use schema::{TablePrefix, TablePrefixError};
pub use tokens::SqlTokens;
pub use users::{SqlUser, SqlUsers};

use std::{fmt, sync::Arc, time::Duration};

use engine::{Column, Engine, Row, Statement, Value};

use super::StoreError;
use crate::model::Timestamp;

/// A database, and the stores in it. A clone is the same database.
#[derive(Clone)]
pub struct Sql {
    engine: Arc<dyn Engine>,
    prefix: TablePrefix,
    timeout: Duration,
}

impl Sql {
    fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            prefix: TablePrefix::default(),
            timeout: Duration::from_secs(2),
        }
    }

    /// Sets what the names of the tables begin with. The default is `oauth_`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: TablePrefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// Sets how long a call to one of the stores may take, waiting for a connection included. The
    /// default is 2 **seconds**.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The store of logins.
    pub fn tokens(&self) -> SqlTokens {
        SqlTokens::new(self)
    }

    /// The store of users.
    pub fn users(&self) -> SqlUsers {
        SqlUsers::new(self)
    }

    /// The store of clients.
    pub fn clients(&self) -> SqlClients {
        SqlClients::new(self)
    }

    /// Asks the database whether it is there, for a health check.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it did not answer in time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(&Statement::from("SELECT 1"), vec![], &[])
            .await
            .map(drop)
    }

    async fn read(
        &self,
        sql: &Statement,
        values: Vec<Value>,
        columns: &'static [Column],
    ) -> Result<Vec<Row>, StoreError> {
        self.in_time(self.engine.read(sql, values, columns)).await
    }

    async fn write(
        &self,
        sql: &Statement,
        values: Vec<Value>,
        columns: &'static [Column],
    ) -> Result<Vec<Row>, StoreError> {
        self.in_time(self.engine.write(sql, values, columns)).await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done.map_err(refusal::store_error),
            Err(_) => Err(StoreError::new(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// A statement in which `{name}` stands for the table of that name.
    fn statement(&self, sql: &str) -> Statement {
        let mut text = sql.replace('{', self.prefix.as_str());
        text.retain(|c| c != '}');
        text.into()
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A row is not what this crate writes: somebody else has been at the table.
fn damaged(what: &'static str) -> StoreError {
    StoreError::new(format!("a stored {what} cannot be read"))
}

/// A database knows signed numbers only. What is too far away becomes the last second that can be
/// written.
fn secs(at: Timestamp) -> Value {
    Value::Int(Some(i64::try_from(at.as_secs()).unwrap_or(i64::MAX)))
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(Some(text.into()))
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(Some(bytes.to_vec()))
}

fn flag(flag: bool) -> Value {
    Value::Int(Some(flag.into()))
}

/// Reads the values of a row in turn.
struct Reader {
    what: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Reader {
    fn new(what: &'static str, row: Row) -> Self {
        let values = row.into_iter();
        Self { what, values }
    }

    fn int(&mut self) -> Result<i64, StoreError> {
        match self.values.next() {
            Some(Value::Int(Some(value))) => Ok(value),
            _ => Err(damaged(self.what)),
        }
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        let secs = u64::try_from(self.int()?).map_err(|_| damaged(self.what))?;
        Ok(Timestamp::from_secs(secs))
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.values.next() {
            Some(Value::Text(value)) => Ok(value),
            _ => Err(damaged(self.what)),
        }
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| damaged(self.what))
    }

    fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.values.next() {
            Some(Value::Bytes(value)) => Ok(value),
            _ => Err(damaged(self.what)),
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let bytes = self.optional_bytes()?.ok_or_else(|| damaged(self.what))?;
        bytes.try_into().map_err(|_| damaged(self.what))
    }

    /// Reads a text as what it stands for.
    fn parse<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, StoreError> {
        parse(&self.text()?).map_err(|_| damaged(self.what))
    }
}
