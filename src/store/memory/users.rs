use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dashmap::{DashMap, mapref::entry::Entry};
use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::{
    model::{Password, PasswordHash, Scope, Subject, SubjectError},
    password::{Bcrypt, HashError, PasswordHasher},
    store::{Account, StoreError, UserStore},
};

/// Users in memory: for tests, examples and services whose users stand in a file.
///
/// A clone is the same store. The subject of a user is the username, unless
/// [`insert`](Self::insert) is given another. Users stay until the last clone is dropped.
///
/// Not for users who come by themselves and choose their names: the table that every request reads
/// hashes quickly, and a stranger who chooses many subjects and measures many requests might make it
/// slow. On Linux that table uses the system call `membarrier`, if there is one when it is made: a
/// filter that forbids the call has to be in place before [`new`](Self::new), or the process aborts.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::{MemoryUsers, password::Bcrypt};
///
/// struct User {
///     name: &'static str,
/// }
///
/// let users = MemoryUsers::new()
///     .with_hasher(Bcrypt::new(4)?) // 4 is for tests; the default is 12
///     .with_user("meera", "secret123", User { name: "Meera" })?
///     .with_scoped_user("arjun", "hunter22", "items:read".parse()?, User { name: "Arjun" })?;
/// assert_eq!(users.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryUsers<U> {
    shared: Arc<Shared<U>>,
    hasher: Arc<dyn PasswordHasher>,
}

struct Shared<U> {
    /// By username.
    subjects: DashMap<String, Subject>,
    /// What a login needs. Who changes an account holds its lock, under which `users` follows, and
    /// which is taken under that of `subjects`.
    accounts: DashMap<Subject, Account>,
    /// Every request reads here, so readers neither lock nor wait, and hashing is quick, with a seed
    /// that is not to be guessed by whoever sees no hashes. Nothing in here is ever replaced: the map
    /// would keep that for a while.
    users: HashMap<Subject, Known<U>, RandomState>,
}

struct Known<U> {
    user: Arc<U>,
    is_enabled: AtomicBool,
}

impl<U> MemoryUsers<U> {
    /// No users. Passwords will be hashed by [`Bcrypt`] at its default cost.
    pub fn new() -> Self {
        let shared = Shared {
            subjects: DashMap::new(),
            accounts: DashMap::new(),
            users: HashMap::with_hasher(RandomState::default()),
        };
        Self {
            shared: Arc::new(shared),
            hasher: Arc::new(Bcrypt::default()),
        }
    }

    /// Sets the hasher of the users added from here on.
    #[must_use]
    pub fn with_hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.hasher = Arc::new(hasher);
        self
    }

    /// Adds a user without scopes, and hashes the password here and now: at bcrypt's default cost
    /// that blocks for about 0.2 s.
    ///
    /// # Errors
    ///
    /// [`NewUserError`] if the username is taken or no subject, or the password cannot be hashed
    /// as a whole.
    pub fn with_user(self, username: &str, password: &str, user: U) -> Result<Self, NewUserError> {
        self.with_scoped_user(username, password, Scope::EMPTY, user)
    }

    /// Adds a user whose tokens may allow `scope` at most. Otherwise like
    /// [`with_user`](Self::with_user).
    ///
    /// # Errors
    ///
    /// As [`with_user`](Self::with_user).
    pub fn with_scoped_user(
        self,
        username: &str,
        password: &str,
        scope: Scope,
        user: U,
    ) -> Result<Self, NewUserError> {
        let subject = Subject::new(username).map_err(NewUserError::Subject)?;
        let hash = self
            .hasher
            .hash(&Password::new(password))
            .map_err(NewUserError::Hash)?;
        let account = Account::new(subject).with_hash(hash).with_scope(scope);
        self.insert(username, account, user)?;
        Ok(self)
    }

    /// Adds a user with an account made elsewhere: an imported hash, a subject of its own.
    ///
    /// # Errors
    ///
    /// [`NewUserError::Taken`] if the username or the subject is there already.
    pub fn insert(&self, username: &str, account: Account, user: U) -> Result<(), NewUserError> {
        let subject = account.subject().clone();
        let known = Known {
            user: Arc::new(user),
            is_enabled: AtomicBool::new(account.is_enabled()),
        };
        let Entry::Vacant(name) = self.shared.subjects.entry(username.to_owned()) else {
            return Err(NewUserError::Taken);
        };
        let Entry::Vacant(place) = self.shared.accounts.entry(subject.clone()) else {
            return Err(NewUserError::Taken);
        };
        let _locked = place.insert(account);
        self.shared.users.pin().insert(subject.clone(), known);
        name.insert(subject);
        Ok(())
    }

    /// Enables or disables an account. Tokens of a disabled one stop working at once. Says
    /// whether there is such an account.
    pub fn set_enabled(&self, subject: &Subject, enabled: bool) -> bool {
        let Some(mut account) = self.shared.accounts.get_mut(subject) else {
            return false;
        };
        *account = account.clone().with_enabled(enabled);
        if let Some(known) = self.shared.users.pin().get(subject) {
            known.is_enabled.store(enabled, Ordering::Release);
        }
        true
    }

    /// The number of users.
    pub fn len(&self) -> usize {
        self.shared.users.len()
    }

    /// Whether there is no user.
    pub fn is_empty(&self) -> bool {
        self.shared.users.is_empty()
    }

    fn user(&self, subject: &Subject) -> Option<Arc<U>> {
        let users = self.shared.users.pin();
        let known = users.get(subject)?;
        let is_enabled = known.is_enabled.load(Ordering::Acquire);
        is_enabled.then(|| Arc::clone(&known.user))
    }
}

impl<U: Send + Sync + 'static> UserStore for MemoryUsers<U> {
    type User = U;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let subject = self.shared.subjects.get(username);
        let account = subject.and_then(|subject| self.shared.accounts.get(subject.value()));
        Ok(account.map(|account| account.clone()))
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<U>>, StoreError> {
        Ok(self.user(subject))
    }

    fn find_user_now(&self, subject: &Subject) -> Option<Result<Option<Arc<U>>, StoreError>> {
        Some(Ok(self.user(subject)))
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let account = self.shared.accounts.get_mut(subject);
        let Some(mut account) = account.filter(|account| account.hash() == Some(old)) else {
            return Ok(false);
        };
        *account = account.clone().with_hash(new);
        Ok(true)
    }
}

impl<U> Default for MemoryUsers<U> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U> Clone for MemoryUsers<U> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            hasher: Arc::clone(&self.hasher),
        }
    }
}

impl<U> fmt::Debug for MemoryUsers<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryUsers")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Why a user was not added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NewUserError {
    /// The username or the subject is there already.
    Taken,
    /// The username cannot be a subject: empty, too long, or with a control character.
    Subject(SubjectError),
    /// The password cannot be hashed as a whole, or hashing failed.
    Hash(HashError),
}

impl fmt::Display for NewUserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("the username or the subject is taken"),
            Self::Subject(error) => write!(f, "the username is no subject: {error}"),
            Self::Hash(error) => write!(f, "the password was not hashed: {error}"),
        }
    }
}

impl Error for NewUserError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Taken => None,
            Self::Subject(error) => Some(error),
            Self::Hash(error) => Some(error),
        }
    }
}
