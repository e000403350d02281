//! Token stores that fail on purpose.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tower_oauth2_password::{
    MemoryTokens,
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

/// What a broken store says, which no client may read.
pub const FIRE: &str = "rack 7 is on fire";

/// A store in memory that stops answering when it is told to. A clone is the same store.
#[derive(Clone, Default)]
pub struct BreakableTokens {
    inner: MemoryTokens,
    broken: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

impl BreakableTokens {
    /// From now on every verb fails.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// And from now on none does.
    pub fn mend(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    /// From now on every new login finds its digest taken.
    pub fn claim_all_digests(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    fn inner(&self) -> Result<&MemoryTokens, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::new(FIRE));
        }
        Ok(&self.inner)
    }
}

impl TokenStore for BreakableTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Ok(Inserted::Taken);
        }
        self.inner()?.insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        self.inner()?.find_access(access).await
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.inner()?.find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.inner()?.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.inner()?.rotate(id, rotation).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        self.inner()?.revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.inner()?.revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.inner()?.revoke_subject(subject).await
    }
}
