use std::{collections::hash_map::RandomState, fmt, sync::Arc, time::Duration};

use super::{CAPACITY, STALENESS, fresh::Fresh};
use crate::{
    model::{PasswordHash, Subject},
    store::{Account, StoreError, UserStore},
};

/// A cache of users in front of another [`UserStore`]: who a token's subject is, is answered
/// without waiting. Accounts, which logins need, are not kept. A clone is the same cache.
///
/// A user who was disabled or changed may be answered as before for up to the staleness. The
/// tokens of a disabled user go at once with `PasswordFlow::account_disabled`.
pub struct CachedUsers<U: UserStore> {
    store: Arc<U>,
    users: Arc<Fresh<Subject, Arc<U::User>, RandomState>>,
}

impl<U: UserStore> CachedUsers<U> {
    /// Keeps up to 100,000 users of `store` for up to 5 **seconds**.
    pub fn new(store: U) -> Self {
        Self {
            store: Arc::new(store),
            users: Arc::new(Fresh::new(CAPACITY, STALENESS)),
        }
    }

    /// Sets for how long a user is answered without asking the store. The default is 5
    /// **seconds**.
    ///
    /// To be called before the cache is used.
    #[must_use]
    pub fn with_staleness(mut self, staleness: Duration) -> Self {
        self.users = Arc::new(Fresh::new(self.users.capacity(), staleness));
        self
    }

    /// Sets how many users are kept. The default is 100,000.
    ///
    /// To be called before the cache is used.
    #[must_use]
    pub fn with_capacity(mut self, capacity: usize) -> Self {
        self.users = Arc::new(Fresh::new(capacity, self.users.staleness()));
        self
    }

    /// Asks the store about `subject` the next time, as the user was changed on this node.
    pub fn forget(&self, subject: &Subject) {
        self.users.forget(subject);
    }
}

impl<U: UserStore> UserStore for CachedUsers<U> {
    type User = U::User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        self.store.find_account(username).await
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<U::User>>, StoreError> {
        if let Some(read) = self.users.get(subject) {
            return Ok(Some(read.value));
        }
        let (store, key) = (Arc::clone(&self.store), subject.clone());
        let ask = move || async move { store.find_user(&key).await };
        let read = self.users.read(subject.clone(), ask).await?;
        Ok(read.map(|read| read.value))
    }

    fn find_user_now(&self, subject: &Subject) -> Option<Result<Option<Arc<U::User>>, StoreError>> {
        let read = self.users.get(subject)?;
        Some(Ok(Some(read.value)))
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        self.store.replace_hash(subject, old, new).await
    }
}

impl<U: UserStore> Clone for CachedUsers<U> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            users: Arc::clone(&self.users),
        }
    }
}

impl<U: UserStore + fmt::Debug> fmt::Debug for CachedUsers<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedUsers")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
