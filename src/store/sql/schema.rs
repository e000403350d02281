use std::fmt;

use super::{
    Sql, StoreError,
    engine::{Column, Statement, Value, Work},
};

/// The statements of each version of the schema. A version that was released is never changed: what
/// comes after is a new one.
const VERSIONS: &[&[&str]] = &[&[
    "CREATE TABLE {families} (
        id BYTES NOT NULL PRIMARY KEY,
        subject TEXT NOT NULL,
        client TEXT,
        scope TEXT NOT NULL,
        label TEXT,
        created_at INTEGER64 NOT NULL,
        ordinal INTEGER64 NOT NULL,
        refreshed_at INTEGER64 NOT NULL,
        expires_at INTEGER64 NOT NULL,
        chain BYTES,
        windows BYTES,
        windows_end_at INTEGER64
    )",
    "CREATE INDEX {families_subject} ON {families} (subject)",
    "CREATE INDEX {families_expires_at} ON {families} (expires_at)",
    "CREATE INDEX {families_windows_end_at} ON {families} (windows_end_at)",
    "CREATE TABLE {tokens} (
        digest BYTES NOT NULL PRIMARY KEY,
        family BYTES NOT NULL REFERENCES {families} (id) ON DELETE CASCADE,
        scope TEXT NOT NULL,
        issued_at INTEGER64 NOT NULL,
        expires_at INTEGER64 NOT NULL
    )",
    "CREATE INDEX {tokens_family} ON {tokens} (family)",
    "CREATE INDEX {tokens_expires_at} ON {tokens} (expires_at)",
    "CREATE TABLE {users} (
        subject TEXT NOT NULL PRIMARY KEY,
        username TEXT NOT NULL UNIQUE,
        hash TEXT,
        scope TEXT NOT NULL,
        enabled INTEGER64 NOT NULL
    )",
    "CREATE TABLE {clients} (
        id TEXT NOT NULL PRIMARY KEY,
        secret BYTES,
        grants TEXT NOT NULL,
        scope TEXT,
        introspects INTEGER64 NOT NULL
    )",
]];

impl Sql {
    /// Makes the tables, or brings those of an earlier version of this crate up to date. Nothing
    /// happens if they are. Several nodes may do this at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database could not be asked or refuses, and if its tables were made
    /// by a later version of this crate. Then nothing was changed.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut work = self.in_time(self.engine.begin()).await?;
        let lock = Statement::from(self.engine.dialect().lock_schema);
        self.in_time(work.run(&lock, vec![], &[])).await?;
        self.ddl(
            &mut *work,
            "CREATE TABLE IF NOT EXISTS {schema} (version INTEGER64 NOT NULL PRIMARY KEY)",
        )
        .await?;
        let select = self.statement("SELECT version FROM {schema}");
        let rows = self
            .in_time(work.run(&select, vec![], &[Column::Int]))
            .await?;
        let version = match rows.first().and_then(|row| row.first()) {
            Some(Value::Int(Some(version))) => usize::try_from(*version).unwrap_or(usize::MAX),
            _ => 0,
        };
        let Some(missing) = VERSIONS.get(version..) else {
            let later =
                format!("its tables have version {version}, which is later than this crate");
            return Err(StoreError::new(later));
        };
        for statement in missing.iter().copied().flatten() {
            self.ddl(&mut *work, statement).await?;
        }
        if !missing.is_empty() {
            let newest = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
            let clear = self.statement("DELETE FROM {schema}");
            self.in_time(work.run(&clear, vec![], &[])).await?;
            let insert = self.statement("INSERT INTO {schema} (version) VALUES ($1)");
            let newest = vec![Value::Int(Some(newest))];
            self.in_time(work.run(&insert, newest, &[])).await?;
        }
        self.in_time(work.commit()).await
    }

    /// Runs a statement of the schema in the words of the engine.
    async fn ddl(&self, work: &mut dyn Work, sql: &str) -> Result<(), StoreError> {
        let dialect = self.engine.dialect();
        let mut sql = sql.replace("BYTES", dialect.bytes);
        // STRICT tables of SQLite know INTEGER, which has 64 bits there.
        let integer = if dialect.table.is_empty() {
            "BIGINT"
        } else {
            "INTEGER"
        };
        sql = sql.replace("INTEGER64", integer);
        if sql.starts_with("CREATE TABLE") {
            sql = format!("{sql} {}", dialect.table);
        }
        let statement = self.statement(&sql);
        self.in_time(work.run(&statement, vec![], &[]))
            .await
            .map(drop)
    }
}

/// What the names of tables begin with: lower-case letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePrefix(String);

impl TablePrefix {
    /// Takes `prefix`, such as `login_`.
    ///
    /// # Errors
    ///
    /// [`TablePrefixError`] if it is longer than 32 **bytes**, begins with a digit or holds anything
    /// but `a-z`, `0-9`, `_`.
    ///
    /// # Example
    ///
    /// ```
    /// # use tower_oauth2_password::store::sql::TablePrefix;
    /// assert!(TablePrefix::new("login_").is_ok());
    /// assert!(TablePrefix::new("x; DROP TABLE y").is_err());
    /// ```
    pub fn new(prefix: impl Into<String>) -> Result<Self, TablePrefixError> {
        let prefix = prefix.into();
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let digit = prefix.starts_with(|c: char| c.is_ascii_digit());
        if prefix.len() > 32 || digit || !prefix.bytes().all(allowed) {
            return Err(TablePrefixError);
        }
        Ok(Self(prefix))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// `oauth_`.
impl Default for TablePrefix {
    fn default() -> Self {
        Self("oauth_".to_owned())
    }
}

/// The text is no [`TablePrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TablePrefixError;

impl fmt::Display for TablePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table prefix is at most 32 of a-z 0-9 _ and does not begin with a digit")
    }
}

impl std::error::Error for TablePrefixError {}
