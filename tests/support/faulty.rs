//! A token store of which single verbs fail, and work again.

use std::sync::{Arc, Mutex};

use tower_oauth2_password::{
    MemoryTokens,
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

use super::stores::FIRE;

/// A store in memory of which some verbs fail, and do nothing. A clone is the same store.
#[derive(Clone, Default)]
pub struct FaultyTokens {
    inner: MemoryTokens,
    failing: Arc<Mutex<&'static [&'static str]>>,
}

impl FaultyTokens {
    /// From now on these verbs fail, and no others.
    pub fn fail(&self, verbs: &'static [&'static str]) {
        *self.failing.lock().unwrap() = verbs;
    }

    fn on(&self, verb: &str) -> Result<&MemoryTokens, StoreError> {
        if self.failing.lock().unwrap().contains(&verb) {
            return Err(StoreError::new(FIRE));
        }
        Ok(&self.inner)
    }
}

impl TokenStore for FaultyTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.on("insert")?.insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        self.on("find_access")?.find_access(access).await
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        self.on("find_family")?.find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        self.on("find_families")?.find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.on("rotate")?.rotate(id, rotation).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        self.on("revoke_access")?.revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        self.on("revoke_family")?.revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        self.on("revoke_subject")?.revoke_subject(subject).await
    }
}
