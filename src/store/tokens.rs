use std::sync::Arc;

use super::StoreError;
use crate::model::{Family, FamilyId, Rotated, Rotation, Session, Subject, TokenDigest};

/// Whether a new login was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// It is saved, and found from now on.
    Saved,
    /// The digest or the family belongs to another login, which was left as it is.
    Taken,
}

/// Keeps logins: their sessions by the digest of the access token, their families by id.
///
/// A store never sees a token in clear, and it may hand back a session or a family that has
/// expired: the clock is checked by the caller, so that no store can forget to. It may not hand
/// back what was revoked.
///
/// The `custom_store` example implements it over an application's own tables.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no token store",
    note = "implement `TokenStore`, or use `MemoryTokens`"
)]
pub trait TokenStore: Send + Sync + 'static {
    /// Saves a login and its first access token, in one atomic step that never overwrites
    /// another one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the login may not have been saved. The caller answers 503.
    fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> impl Future<Output = Result<Inserted, StoreError>> + Send;

    /// Looks up the session saved under `access`. "Not found" is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. The caller answers 503.
    fn find_access(
        &self,
        access: TokenDigest,
    ) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// [`find_access`](Self::find_access) for a store that can answer without waiting.
    ///
    /// The default, `None`, sends the caller there.
    fn find_access_now(&self, access: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        let _ = access;
        None
    }

    /// Looks up a login. "Not found" is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. The caller answers 503.
    fn find_family(
        &self,
        id: FamilyId,
    ) -> impl Future<Output = Result<Option<Family>, StoreError>> + Send;

    /// Looks up all logins of a user, in any order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked.
    fn find_families(
        &self,
        subject: &Subject,
    ) -> impl Future<Output = Result<Vec<Family>, StoreError>> + Send;

    /// Spends a refresh token for its successors, in one atomic step: [`Family::rotate`] decides,
    /// while nobody else can change the family.
    ///
    /// - [`Rotated::Done`]: the changed family and [`Rotation::session`] under
    ///   [`Rotation::access`] are saved, and of more than about
    ///   [`Family::MAX_ACCESS_TOKENS`] access tokens of the family the oldest is revoked. Of many
    ///   calls with one token one gets this.
    /// - [`Rotated::Replay`]: the family is revoked before this returns.
    /// - [`Rotated::Unknown`] also stands for a family that is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the rotation may not have been saved. The caller answers 503, and the
    /// client may try again with the same token.
    fn rotate(
        &self,
        id: FamilyId,
        rotation: Rotation,
    ) -> impl Future<Output = Result<Rotated, StoreError>> + Send;

    /// Revokes one access token and says whether there was one. From then on it is not found.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been revoked. The caller answers 503.
    fn revoke_access(
        &self,
        access: TokenDigest,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Revokes a login with all its tokens and says whether there was one. From then on none of
    /// them is found.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it may not have been revoked. The caller answers 503.
    fn revoke_family(&self, id: FamilyId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Revokes all logins of a user and says how many there were, expired ones that were not yet
    /// cleared away among them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if some may not have been revoked.
    fn revoke_subject(
        &self,
        subject: &Subject,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

impl<T: TokenStore> TokenStore for Arc<T> {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        (**self).insert(family, access, session).await
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        (**self).find_access(access).await
    }

    fn find_access_now(&self, access: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        (**self).find_access_now(access)
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        (**self).find_family(id).await
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        (**self).find_families(subject).await
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        (**self).rotate(id, rotation).await
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        (**self).revoke_access(access).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        (**self).revoke_family(id).await
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        (**self).revoke_subject(subject).await
    }
}
