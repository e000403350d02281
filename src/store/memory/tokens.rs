use std::{fmt, sync::Arc};

use super::shared::Shared;
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

/// Logins in memory: quick, and gone with the process.
///
/// What has expired goes by itself. Each login and refresh looks at 16 others in turn, so no
/// background task is needed and none of them takes long: a store that holds `n` logins and access
/// tokens has been looked through after about `n/16 + 16` of them, and somewhat later for a while
/// after a crowd has left.
///
/// The salt of a grace window is forgotten with the logins and refreshes, of whomever, after the
/// window has closed: each of them clears away up to 16.
///
/// Time is what the newest session says in [`Session::issued_at`].
///
/// A clone is the same store.
#[derive(Clone)]
pub struct MemoryTokens {
    shared: Arc<Shared>,
}

impl MemoryTokens {
    /// An empty store.
    pub fn new() -> Self {
        let shared = Shared::new();
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The number of access tokens, expired ones that are not yet swept out among them.
    pub fn len(&self) -> usize {
        self.shared.records.good()
    }

    /// Whether there is no access token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, access: TokenDigest) -> Option<Session> {
        self.shared.records.find(&access)
    }
}

impl TokenStore for MemoryTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        self.shared.insert(family, access, &session)
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.find(access))
    }

    fn find_access_now(&self, access: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        Some(Ok(self.find(access)))
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        Ok(self.shared.find_family(id))
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        Ok(self.shared.families_of(subject))
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.shared.rotate(id, &rotation)
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        Ok(self.shared.records.revoke(&access))
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        Ok(self.shared.revoke_family(id))
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        Ok(self.shared.revoke_subject(subject))
    }
}

impl Default for MemoryTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTokens")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(not(loom))]
#[cfg(test)]
#[path = "tests/families.rs"]
mod tests;
