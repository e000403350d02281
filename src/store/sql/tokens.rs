use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Sql, bytes,
    rows::{family_row, read_family, read_session, token_row, update_row},
    secs,
    statements::{COUNT, FAMILY, SESSION, Statements},
    text,
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, Timestamp, TokenDigest},
    observe,
    store::{Inserted, StoreError, TokenStore},
};

/// Every so many logins and refreshes, expired rows are deleted: four times as many of each table as
/// can have come in, so that none pile up.
const PURGE_EVERY: usize = 128;

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

impl SqlTokens {
    pub(super) fn new(sql: &Sql) -> Self {
        Self {
            statements: Arc::new(Statements::new(sql)),
            sql: sql.clone(),
            // The first write purges, for a process that ends before it has made many.
            unpurged: Arc::new(AtomicUsize::new(PURGE_EVERY - 1)),
        }
    }

    /// Deletes rows that expired before `now`, up to 512 of each table. Logins and refreshes do
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

impl fmt::Debug for SqlTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlTokens")
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}
