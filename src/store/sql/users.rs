use std::{fmt, fmt::Write as _, sync::Arc};

use super::{
    Reader, Sql,
    engine::{Column, Statement, Value},
    flag,
    rows::read_scope,
    text,
};
use crate::{
    model::{PasswordHash, Scope, Subject},
    store::{Account, StoreError, UserStore},
};

const ACCOUNT: &[Column] = &[Column::Text, Column::Text, Column::Text, Column::Int];

/// A user of [`SqlUsers`], as handlers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlUser {
    username: String,
}

impl SqlUser {
    /// The name that the user logs in with.
    pub fn username(&self) -> &str {
        &self.username
    }
}

/// Users in a SQL database, for an application that has no table of its own for them yet. A clone
/// is the same store.
///
/// An application that has one implements [`UserStore`] over it, which takes a few lines: see the
/// `custom_store` example.
#[derive(Clone)]
pub struct SqlUsers {
    sql: Sql,
    statements: Arc<Statements>,
}

struct Statements {
    insert: Statement,
    find_account: Statement,
    find_user: Statement,
    replace_hash: Statement,
    set_hash: Statement,
    set_scope: Statement,
    set_enabled: Statement,
}

impl SqlUsers {
    pub(super) fn new(sql: &Sql) -> Self {
        let update = |what: &str| {
            sql.statement(&format!(
                "UPDATE {{users}} SET {what} = $2 WHERE subject = $1 RETURNING 1"
            ))
        };
        let statements = Statements {
            insert: sql.statement(
                "INSERT INTO {users} (subject, username, hash, scope, enabled) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
            ),
            find_account: sql
                .statement("SELECT subject, hash, scope, enabled FROM {users} WHERE username = $1"),
            find_user: sql
                .statement("SELECT username FROM {users} WHERE subject = $1 AND enabled = 1"),
            replace_hash: sql.statement(
                "UPDATE {users} SET hash = $3 WHERE subject = $1 AND hash = $2 RETURNING 1",
            ),
            set_hash: update("hash"),
            set_scope: update("scope"),
            set_enabled: update("enabled"),
        };
        Self {
            statements: Arc::new(statements),
            sql: sql.clone(),
        }
    }

    /// Adds an enabled user with a random subject, which is never given to somebody else. `None`
    /// if the username is taken.
    ///
    /// `PasswordFlow::hash_password` makes the hash.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the user may not have been saved.
    pub async fn create(
        &self,
        username: &str,
        hash: PasswordHash,
        scope: Scope,
    ) -> Result<Option<Subject>, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| StoreError::new(error.to_string()))?;
        let mut subject = String::with_capacity(32);
        for byte in id {
            write!(subject, "{byte:02x}").map_err(StoreError::new)?;
        }
        let subject = Subject::new(subject).map_err(StoreError::new)?;
        let account = Account::new(subject.clone())
            .with_hash(hash)
            .with_scope(scope);
        let created = self.insert(username, &account).await?;
        Ok(created.then_some(subject))
    }

    /// Adds a user with an account made elsewhere. Says whether it was added: neither the username
    /// nor the subject may be there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the user may not have been saved.
    pub async fn insert(&self, username: &str, account: &Account) -> Result<bool, StoreError> {
        let row = vec![
            text(account.subject().as_str()),
            text(username),
            Value::Text(account.hash().map(|hash| hash.expose().to_owned())),
            text(account.scope().to_string()),
            flag(account.is_enabled()),
        ];
        let rows = self.sql.write(&self.statements.insert, row, &[]).await?;
        Ok(!rows.is_empty())
    }

    /// Sets a new password. Says whether there is such a user. Call
    /// `PasswordFlow::password_changed` afterwards.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been saved.
    pub async fn set_hash(
        &self,
        subject: &Subject,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let hash = text(hash.expose());
        self.set(&self.statements.set_hash, subject, hash).await
    }

    /// Sets what tokens may allow at most. Says whether there is such a user. Call
    /// `PasswordFlow::revoke_subject` afterwards if it is less than before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been saved.
    pub async fn set_scope(&self, subject: &Subject, scope: &Scope) -> Result<bool, StoreError> {
        let scope = text(scope.to_string());
        self.set(&self.statements.set_scope, subject, scope).await
    }

    /// Enables or disables a user. Says whether there is such a user. Call
    /// `PasswordFlow::account_disabled` after disabling.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been saved.
    pub async fn set_enabled(&self, subject: &Subject, enabled: bool) -> Result<bool, StoreError> {
        self.set(&self.statements.set_enabled, subject, flag(enabled))
            .await
    }

    async fn set(
        &self,
        statement: &Statement,
        subject: &Subject,
        value: Value,
    ) -> Result<bool, StoreError> {
        let row = vec![text(subject.as_str()), value];
        let rows = self.sql.write(statement, row, &[]).await?;
        Ok(!rows.is_empty())
    }
}

impl UserStore for SqlUsers {
    type User = SqlUser;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let username = vec![text(username)];
        let rows = self
            .sql
            .read(&self.statements.find_account, username, ACCOUNT);
        let Some(row) = rows.await?.into_iter().next() else {
            return Ok(None);
        };
        let mut row = Reader::new("user", row);
        let mut account = Account::new(row.parse(|text| Subject::new(text))?);
        if let Some(hash) = row.optional_text()? {
            account = account.with_hash(PasswordHash::new(hash));
        }
        account = account.with_scope(row.parse(read_scope)?);
        Ok(Some(account.with_enabled(row.int()? == 1)))
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<SqlUser>>, StoreError> {
        let subject = vec![text(subject.as_str())];
        let rows = self
            .sql
            .read(&self.statements.find_user, subject, &[Column::Text]);
        let Some(row) = rows.await?.into_iter().next() else {
            return Ok(None);
        };
        let username = Reader::new("user", row).text()?;
        Ok(Some(Arc::new(SqlUser { username })))
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let row = vec![
            text(subject.as_str()),
            text(old.expose()),
            text(new.expose()),
        ];
        let rows = self
            .sql
            .write(&self.statements.replace_hash, row, &[])
            .await?;
        Ok(!rows.is_empty())
    }
}

impl fmt::Debug for SqlUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlUsers")
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}
