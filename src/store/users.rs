use std::sync::Arc;

use super::StoreError;
use crate::model::{PasswordHash, Scope, Subject};

/// What a login needs to know about an account.
#[derive(Clone, Debug)]
pub struct Account {
    subject: Subject,
    hash: Option<PasswordHash>,
    scope: Scope,
    enabled: bool,
}

impl Account {
    /// An enabled account without a password (nobody can log in with one) and without scopes.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            hash: None,
            scope: Scope::EMPTY,
            enabled: true,
        }
    }

    /// Sets the hash of the password. The default is none.
    #[must_use]
    pub fn with_hash(mut self, hash: PasswordHash) -> Self {
        self.hash = Some(hash);
        self
    }

    /// Sets what tokens of this account may allow at most. The default is nothing.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets whether the account may log in. The default is `true`.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Who it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The hash of the password, if there is one.
    pub fn hash(&self) -> Option<&PasswordHash> {
        self.hash.as_ref()
    }

    /// What tokens of this account may allow at most.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether the account may log in.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }
}

/// Knows the users: who may log in with which password, and who a token's subject is.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tower_oauth2_password::model::{PasswordHash, Subject};
/// use tower_oauth2_password::store::{Account, StoreError, UserStore};
///
/// struct Staff; // a connection pool, say
///
/// struct Employee {
///     name: String,
/// }
///
/// impl UserStore for Staff {
///     type User = Employee;
///
///     async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
///         // SELECT id, hash FROM staff WHERE login = $1
///         let row = (username == "meera").then_some(("7", "$2b$12$..."));
///         let Some((id, hash)) = row else { return Ok(None) };
///         let subject = Subject::new(id).map_err(StoreError::new)?;
///         Ok(Some(Account::new(subject).with_hash(PasswordHash::new(hash))))
///     }
///
///     async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<Employee>>, StoreError> {
///         // SELECT name FROM staff WHERE id = $1 AND NOT disabled
///         let name = (subject.as_str() == "7").then(|| "Meera".to_owned());
///         Ok(name.map(|name| Arc::new(Employee { name })))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no user store",
    note = "implement `UserStore` with its two `find_` functions, or use `MemoryUsers`"
)]
pub trait UserStore: Send + Sync + 'static {
    /// What handlers get to see of a user.
    type User: Send + Sync + 'static;

    /// Finds the account that logs in as `username`. "Not found" is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. The caller answers 503.
    fn find_account(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// Finds the user that a token speaks for. A user who is gone **or disabled** is `Ok(None)`:
    /// their tokens stop working with the next request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. The caller answers 503.
    fn find_user(
        &self,
        subject: &Subject,
    ) -> impl Future<Output = Result<Option<Arc<Self::User>>, StoreError>> + Send;

    /// [`find_user`](Self::find_user) for a store that can answer without waiting.
    ///
    /// The default, `None`, sends the caller there.
    fn find_user_now(
        &self,
        subject: &Subject,
    ) -> Option<Result<Option<Arc<Self::User>>, StoreError>> {
        let _ = subject;
        None
    }

    /// Saves `new` as the hash of `subject`, unless it is no longer `old`: a password that was
    /// changed meanwhile must not come back. Says whether it was saved.
    ///
    /// Called after a login whose stored hash is weaker than today's. The default saves nothing
    /// and is right for a directory that cannot be written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not be asked. It is logged; the login goes on.
    fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = (subject, old, new);
        async { Ok(false) }
    }
}

impl<T: UserStore> UserStore for Arc<T> {
    type User = T::User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        (**self).find_account(username).await
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<T::User>>, StoreError> {
        (**self).find_user(subject).await
    }

    fn find_user_now(&self, subject: &Subject) -> Option<Result<Option<Arc<T::User>>, StoreError>> {
        (**self).find_user_now(subject)
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        (**self).replace_hash(subject, old, new).await
    }
}
