use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Reader, Sql, bytes,
    engine::{Column, Row, Statement, Value},
    secs, text,
};
use crate::{
    model::{
        Chain, ClientId, Family, FamilyId, Rotated, Rotation, Scope, Session, Subject, Timestamp,
        TokenDigest,
    },
    observe,
    store::{Inserted, StoreError, TokenStore},
};

/// Every so many logins and refreshes, expired rows are deleted, up to [`PURGED_AT_ONCE`] of each
/// table: more than can have come in, so that none pile up.
const PURGE_EVERY: usize = 32;
const PURGED_AT_ONCE: usize = 128;

const SESSION: &[Column] = &[
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Bytes,
    Column::Int,
    Column::Int,
];
const FAMILY: &[Column] = &[
    Column::Bytes,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Int,
    Column::Int,
    Column::Int,
    Column::Int,
    Column::Bytes,
    Column::Bytes,
];
/// What a statement returns of which only the number of rows matters.
const COUNT: &[Column] = &[];

/// Logins in a SQL database. A clone is the same store.
///
/// Each function is one statement or one transaction. Expired rows are deleted a few at a time by
/// logins and refreshes, and the salt of a grace window when the window closes.
#[derive(Clone)]
pub struct SqlTokens {
    sql: Sql,
    statements: Arc<Statements>,
    unpurged: Arc<AtomicUsize>,
}

struct Statements {
    insert_family: Statement,
    insert_token: Statement,
    find_access: Statement,
    find_family: Statement,
    lock_family: Statement,
    find_families: Statement,
    update_family: Statement,
    drop_old_tokens: Statement,
    revoke_access: Statement,
    revoke_family: Statement,
    revoke_subject: Statement,
    purge: [Statement; 3],
}

impl Statements {
    fn new(sql: &Sql) -> Self {
        const FAMILY: &str = "SELECT id, subject, client, scope, label, created_at, ordinal, refreshed_at, \
                              expires_at, chain, windows FROM {families}";
        let dialect = sql.engine.dialect();
        let (lock, skip) = (dialect.for_update, dialect.skip_locked);
        let purge = |table: &str, key: &str| {
            sql.statement(&format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} \
                 WHERE expires_at <= $1 ORDER BY expires_at LIMIT {PURGED_AT_ONCE} {skip})"
            ))
        };
        Self {
            insert_family: sql.statement(
                "INSERT INTO {families} (id, subject, client, scope, label, created_at, \
                 ordinal, refreshed_at, expires_at, chain, windows, windows_end_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT DO NOTHING RETURNING 1",
            ),
            insert_token: sql.statement(
                "INSERT INTO {tokens} (digest, family, scope, issued_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
            ),
            find_access: sql.statement(
                "SELECT f.subject, f.client, t.scope, t.family, t.issued_at, t.expires_at \
                 FROM {tokens} t JOIN {families} f ON f.id = t.family WHERE t.digest = $1",
            ),
            find_family: sql.statement(&format!("{FAMILY} WHERE id = $1")),
            lock_family: sql.statement(&format!("{FAMILY} WHERE id = $1 {lock}")),
            find_families: sql.statement(&format!("{FAMILY} WHERE subject = $1")),
            update_family: sql.statement(
                "UPDATE {families} SET refreshed_at = $2, expires_at = $3, chain = $4, \
                 windows = $5, windows_end_at = $6 WHERE id = $1",
            ),
            drop_old_tokens: sql.statement(&format!(
                "DELETE FROM {{tokens}} WHERE family = $1 AND digest <> $2 AND digest NOT IN \
                 (SELECT digest FROM {{tokens}} WHERE family = $1 \
                 ORDER BY issued_at DESC LIMIT {})",
                Family::MAX_ACCESS_TOKENS
            )),
            revoke_access: sql.statement("DELETE FROM {tokens} WHERE digest = $1 RETURNING 1"),
            revoke_family: sql.statement("DELETE FROM {families} WHERE id = $1 RETURNING 1"),
            revoke_subject: sql.statement("DELETE FROM {families} WHERE subject = $1 RETURNING 1"),
            purge: [
                purge("{tokens}", "digest"),
                purge("{families}", "id"),
                sql.statement(&format!(
                    "UPDATE {{families}} SET windows = NULL, windows_end_at = NULL \
                     WHERE id IN (SELECT id FROM {{families}} WHERE windows_end_at <= $1 \
                     ORDER BY windows_end_at LIMIT {PURGED_AT_ONCE} {skip})",
                )),
            ],
        }
    }
}

impl SqlTokens {
    pub(super) fn new(sql: &Sql) -> Self {
        Self {
            statements: Arc::new(Statements::new(sql)),
            sql: sql.clone(),
            unpurged: Arc::default(),
        }
    }

    /// Deletes rows that expired before `now`, up to 128 of each table. Logins and refreshes do
    /// this by themselves; a service with few of them may want to do it at night as well.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database could not be asked.
    pub async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        for statement in &self.statements.purge {
            self.sql.write(statement, vec![secs(now)], COUNT).await?;
        }
        Ok(())
    }

    /// What is expired is no concern of the login that is just through, so it does not wait, and a
    /// failure is logged.
    fn purge_if_due(&self, now: Timestamp) {
        if self.unpurged.fetch_add(1, Ordering::Relaxed) % PURGE_EVERY != PURGE_EVERY - 1 {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.purge(now).await {
                observe::purge_failed(&error);
            }
        });
    }

    /// Deletes the salt of a rotation when its window has closed. Should this process be gone by
    /// then, the next purge does it.
    fn forget_window_later(&self, id: FamilyId, rotation: &Rotation) {
        let end = rotation.window_ends_at();
        let open = end.as_secs().saturating_sub(rotation.now().as_secs());
        if open == 0 {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(open)).await;
            let forgotten = store.forget_locked(id, end);
            if let Ok(Err(error)) | Err(error) = store.sql.in_time(forgotten).await {
                observe::purge_failed(&error);
            }
        });
    }

    /// Deletes the salts of windows that are closed at `now`, and of no others.
    async fn forget_locked(
        &self,
        id: FamilyId,
        now: Timestamp,
    ) -> Result<Result<(), StoreError>, sqlx::Error> {
        let key = bytes(id.as_bytes());
        let mut work = self.sql.engine.begin().await?;
        let lock = work.run(&self.statements.lock_family, vec![key.clone()], FAMILY);
        let Some(row) = lock.await?.into_iter().next() else {
            work.commit().await?;
            return Ok(Ok(()));
        };
        let mut family = match read_family(row) {
            Ok(family) => family,
            Err(error) => return Ok(Err(error)),
        };
        family.forget_salts(now);
        let row = update_row(&family);
        work.run(&self.statements.update_family, row, COUNT).await?;
        work.commit().await?;
        Ok(Ok(()))
    }

    async fn find(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        let id = vec![bytes(id.as_bytes())];
        let rows = self.sql.read(&self.statements.find_family, id, FAMILY);
        rows.await?.into_iter().next().map(read_family).transpose()
    }

    async fn insert_both(
        &self,
        family: &Family,
        access: TokenDigest,
        session: &Session,
    ) -> Result<Inserted, sqlx::Error> {
        let mut work = self.sql.engine.begin().await?;
        let row = family_row(family);
        let rows = work.run(&self.statements.insert_family, row, COUNT).await?;
        if rows.is_empty() {
            work.commit().await?;
            return Ok(Inserted::Taken);
        }
        let row = token_row(access, family.id(), session);
        let rows = work.run(&self.statements.insert_token, row, COUNT).await?;
        if rows.is_empty() {
            return Ok(Inserted::Taken);
        }
        work.commit().await?;
        Ok(Inserted::Saved)
    }

    async fn rotate_locked(
        &self,
        id: FamilyId,
        rotation: &Rotation,
    ) -> Result<Result<Rotated, StoreError>, sqlx::Error> {
        let key = bytes(id.as_bytes());
        let mut work = self.sql.engine.begin().await?;
        let lock = work.run(&self.statements.lock_family, vec![key.clone()], FAMILY);
        let Some(row) = lock.await?.into_iter().next() else {
            work.commit().await?;
            return Ok(Ok(Rotated::Unknown));
        };
        let mut family = match read_family(row) {
            Ok(family) => family,
            Err(error) => return Ok(Err(error)),
        };
        let rotated = family.rotate(rotation);
        match rotated {
            Rotated::Done => {
                let row = token_row(rotation.access(), id, rotation.session());
                let rows = work.run(&self.statements.insert_token, row, COUNT).await?;
                if rows.is_empty() {
                    return Ok(Ok(Rotated::Unknown));
                }
                let newest = bytes(rotation.access().as_bytes());
                let drop_old = &self.statements.drop_old_tokens;
                work.run(drop_old, vec![key.clone(), newest], COUNT).await?;
                let row = update_row(&family);
                work.run(&self.statements.update_family, row, COUNT).await?;
            }
            Rotated::Replay => {
                let revoke = &self.statements.revoke_family;
                work.run(revoke, vec![key], COUNT).await?;
            }
            Rotated::Again(_) | Rotated::Unknown => {}
        }
        work.commit().await?;
        Ok(Ok(rotated))
    }
}

impl TokenStore for SqlTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        let work = self.insert_both(&family, access, &session);
        let inserted = self.sql.in_time(work).await?;
        self.purge_if_due(session.issued_at());
        Ok(inserted)
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        let digest = vec![bytes(access.as_bytes())];
        let rows = self.sql.read(&self.statements.find_access, digest, SESSION);
        rows.await?.into_iter().next().map(read_session).transpose()
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.find(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        let subject = vec![text(subject.as_str())];
        let rows = self
            .sql
            .read(&self.statements.find_families, subject, FAMILY);
        rows.await?.into_iter().map(read_family).collect()
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        let work = self.rotate_locked(id, &rotation);
        let rotated = self.sql.in_time(work).await??;
        if let Rotated::Done = rotated {
            self.forget_window_later(id, &rotation);
        }
        self.purge_if_due(rotation.now());
        Ok(rotated)
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        let digest = vec![bytes(access.as_bytes())];
        let rows = self
            .sql
            .write(&self.statements.revoke_access, digest, COUNT);
        Ok(!rows.await?.is_empty())
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        let id = vec![bytes(id.as_bytes())];
        let rows = self.sql.write(&self.statements.revoke_family, id, COUNT);
        Ok(!rows.await?.is_empty())
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        let subject = vec![text(subject.as_str())];
        let rows = self
            .sql
            .write(&self.statements.revoke_subject, subject, COUNT);
        Ok(rows.await?.len())
    }
}

fn token_row(access: TokenDigest, family: FamilyId, session: &Session) -> Vec<Value> {
    vec![
        bytes(access.as_bytes()),
        bytes(family.as_bytes()),
        text(session.scope().to_string()),
        secs(session.issued_at()),
        secs(session.expires_at()),
    ]
}

fn family_row(family: &Family) -> Vec<Value> {
    let optional = |text: Option<&str>| Value::Text(text.map(str::to_owned));
    let mut row = vec![
        bytes(family.id().as_bytes()),
        text(family.subject().as_str()),
        optional(family.client().map(ClientId::as_str)),
        text(family.scope().to_string()),
        optional(family.label()),
        secs(family.created_at()),
        Value::Int(Some(i64::try_from(family.order()).unwrap_or(i64::MAX))),
        secs(family.refreshed_at()),
        secs(family.expires_at()),
    ];
    row.extend(chain(family));
    row
}

/// What a refresh changes.
fn update_row(family: &Family) -> Vec<Value> {
    let mut row = vec![
        bytes(family.id().as_bytes()),
        secs(family.refreshed_at()),
        secs(family.expires_at()),
    ];
    row.extend(chain(family));
    row
}

/// The columns `chain`, `windows` and `windows_end_at`.
fn chain(family: &Family) -> [Value; 3] {
    let chain = family.chain();
    let end = chain.and_then(Chain::windows_end_at);
    let windows = chain.filter(|_| end.is_some());
    [
        Value::Bytes(chain.map(Chain::to_bytes)),
        Value::Bytes(windows.map(|chain| chain.windows_to_bytes().to_vec())),
        end.map_or(Value::Int(None), secs),
    ]
}

fn read_session(row: Row) -> Result<Session, StoreError> {
    let mut row = Reader::new("session", row);
    let subject = row.parse(|text| Subject::new(text))?;
    let client = row.optional_text()?.map(ClientId::new).transpose();
    let client = client.map_err(|_| super::damaged("session"))?;
    let scope = row.parse(read_scope)?;
    let family = FamilyId::from_bytes(row.bytes()?);
    let (issued_at, expires_at) = (row.time()?, row.time()?);
    Ok(Session::new(subject, issued_at, expires_at)
        .with_client(client)
        .with_scope(scope)
        .with_family(family))
}

fn read_family(row: Row) -> Result<Family, StoreError> {
    let mut row = Reader::new("family", row);
    let id = FamilyId::from_bytes(row.bytes()?);
    let subject = row.parse(|text| Subject::new(text))?;
    let client = row.optional_text()?.map(ClientId::new).transpose();
    let client = client.map_err(|_| super::damaged("family"))?;
    let scope = row.parse(read_scope)?;
    let label = row.optional_text()?;
    let created_at = row.time()?;
    let order = u64::try_from(row.int()?).map_err(|_| super::damaged("family"))?;
    let (refreshed_at, expires_at) = (row.time()?, row.time()?);
    let mut family = Family::new(id, subject, created_at, expires_at)
        .with_client(client)
        .with_scope(scope)
        .with_order(order)
        .with_refreshed_at(refreshed_at);
    if let Some(label) = label {
        family = family.with_label(label);
    }
    if let Some(chain) = row.optional_bytes()? {
        let windows = row.optional_bytes()?.unwrap_or_default();
        let chain = Chain::from_bytes(&chain, &windows).map_err(StoreError::new)?;
        family = family.with_chain(chain);
    }
    Ok(family)
}

/// The empty scope is written as an empty text, which no request may send.
pub(super) fn read_scope(text: &str) -> Result<Scope, crate::model::ScopeError> {
    if text.is_empty() {
        return Ok(Scope::EMPTY);
    }
    text.parse()
}

impl fmt::Debug for SqlTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlTokens")
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}
