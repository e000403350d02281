use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use super::{TokenError, form::Form};
use crate::{
    model::{Password, PasswordHash, Scope, Subject},
    observe::{self, Event, Scene, asked},
    password::{PasswordCheck, Verdict},
    store::{Account, UserStore},
};

/// What a password grant says about who asks.
pub struct Credentials<'a> {
    pub(super) form: &'a Form,
    pub(super) username: &'a str,
    pub(super) password: &'a Password,
    pub(super) scene: &'a Scene,
}

impl Credentials<'_> {
    /// The `username`: not empty, without NUL, line feed and the other control characters below
    /// U+0020 but the tab (RFC 6749 Appendix A.15).
    pub fn username(&self) -> &str {
        self.username
    }

    /// The `password`: not empty, of the same characters as a username, otherwise as it was sent.
    pub fn password(&self) -> &Password {
        self.password
    }

    /// Another parameter of the request, such as a one-time code. One without a value counts as
    /// left out (RFC 6749 §3.2).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(|value| value.as_str())
    }
}

/// Shows the username only.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Who has been authenticated, and what their tokens may allow at most.
#[derive(Clone, Debug)]
pub struct Identity {
    subject: Subject,
    scope: Scope,
    label: Option<Arc<str>>,
    recheck: Option<Recheck>,
}

/// Asks once more, when the tokens are saved, whether what was checked still holds.
///
/// It closes a gap: a login whose old password was found right just before the password was
/// changed would be saved just after the application had ended all logins of that account.
#[derive(Clone)]
struct Recheck(Arc<dyn Fn() -> BoxFuture<'static, Result<bool, TokenError>> + Send + Sync>);

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recheck(..)")
    }
}

impl Identity {
    /// `subject`, whose tokens may allow nothing beyond being logged in.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            scope: Scope::EMPTY,
            label: None,
            recheck: None,
        }
    }

    /// Sets what tokens may allow at most. The default is nothing.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets what this login is called in the list that its user is shown. The default is nothing;
    /// from 200 **characters** on it is cut off.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Who it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What tokens may allow at most.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Has `authenticator` asked once more, unless the identity brings what is to be asked.
    pub(super) fn rechecked_by<A: Authenticate>(mut self, authenticator: &Arc<A>) -> Self {
        if self.recheck.is_none() {
            let (authenticator, subject) = (Arc::clone(authenticator), self.subject.clone());
            self.recheck = Some(Recheck(Arc::new(move || {
                let (authenticator, subject) = (Arc::clone(&authenticator), subject.clone());
                Box::pin(async move { authenticator.is_active(&subject).await })
            })));
        }
        self
    }

    pub(super) async fn still_holds(&self) -> Result<bool, TokenError> {
        match &self.recheck {
            Some(Recheck(ask)) => ask().await,
            None => Ok(true),
        }
    }

    /// What this login is called.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }
}

/// Turns credentials into an identity.
///
/// [`PasswordAuthenticator`] does it with a user store. LDAP, PAM or a second factor replace it,
/// and may answer an error of their own, with members of their own.
///
/// An implementation must take as long, and answer the same, for a user that does not exist as
/// for a wrong password. After a login was saved, [`is_active`](Authenticate::is_active) is asked
/// once more, so that a user who was disabled meanwhile has no login left;
/// [`PasswordAuthenticator`] also makes sure that the password is still the same.
///
/// # Example
///
/// ```
/// use tower_oauth2_password::{model::Subject, store::UserStore};
/// use tower_oauth2_password::token::{
///     Authenticate, Credentials, Identity, OAuthError, PasswordAuthenticator, TokenError,
/// };
///
/// /// Asks for a one-time code after the password.
/// struct WithCode<U>(PasswordAuthenticator<U>);
///
/// impl<U: UserStore> Authenticate for WithCode<U> {
///     async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
///         let code = credentials.parameter("otp").map(str::to_owned);
///         let identity = self.0.authenticate(credentials).await?;
///         match code.as_deref() {
///             Some("123456") => Ok(identity), // ask the code generator here
///             Some(_) => Err(TokenError::InvalidGrant),
///             None => Err(match OAuthError::new("mfa_required") {
///                 Ok(error) => error.into(),
///                 Err(_) => TokenError::InvalidGrant,
///             }),
///         }
///     }
///
///     async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
///         self.0.is_active(subject).await
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot authenticate users",
    note = "implement `Authenticate`, or use `PasswordAuthenticator` with a user store"
)]
pub trait Authenticate: Send + Sync + 'static {
    /// Judges `credentials`.
    ///
    /// # Errors
    ///
    /// [`TokenError::InvalidGrant`] for whatever is wrong with the credentials,
    /// [`TokenError::Custom`] for an answer that the client must understand, and
    /// [`TokenError::Unavailable`] if nobody could be asked.
    fn authenticate(
        &self,
        credentials: Credentials<'_>,
    ) -> impl Future<Output = Result<Identity, TokenError>> + Send;

    /// Whether `subject`, who logged in, is still there and enabled. Asked when a login was saved,
    /// and at every refresh and introspection.
    ///
    /// # Errors
    ///
    /// [`TokenError::Unavailable`] if nobody could be asked.
    fn is_active(&self, subject: &Subject)
    -> impl Future<Output = Result<bool, TokenError>> + Send;
}

impl<T: Authenticate> Authenticate for Arc<T> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        (**self).authenticate(credentials).await
    }

    async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
        (**self).is_active(subject).await
    }
}

/// The default: an account of a [`UserStore`], and one [`PasswordCheck`] whatever it holds.
pub struct PasswordAuthenticator<U> {
    users: Arc<U>,
    check: PasswordCheck,
}

impl<U: UserStore> PasswordAuthenticator<U> {
    /// Authenticates the users of `users` by `check`.
    pub fn new(users: Arc<U>, check: PasswordCheck) -> Self {
        Self { users, check }
    }

    /// Saves a stronger hash. Says which one is in the store then, if it is one of this password:
    /// another login with it may have been quicker.
    async fn save(
        &self,
        credentials: &Credentials<'_>,
        account: &Account,
        old: PasswordHash,
        rehashed: PasswordHash,
    ) -> Result<Option<PasswordHash>, TokenError> {
        let (subject, new) = (account.subject(), rehashed.clone());
        let replaced = self.users.replace_hash(subject, &old, new);
        match asked::<U, _, _>("replace_hash", replaced).await {
            Ok(true) => return Ok(Some(rehashed)),
            Ok(false) => {}
            Err(error) => observe::rehash_failed(&error),
        }
        let account = asked::<U, _, _>(
            "find_account",
            self.users.find_account(credentials.username()),
        )
        .await?;
        let Some(stored) = account.as_ref().and_then(Account::hash).cloned() else {
            return Ok(None);
        };
        if stored == old || stored == rehashed {
            return Ok(Some(stored));
        }
        let password = credentials.password().clone();
        let verdict = self.check.check(password, Some(stored.clone())).await?;
        Ok(matches!(verdict, Verdict::Right { .. }).then_some(stored))
    }

    /// Whether the account is still enabled and has the password that was checked.
    fn recheck(&self, username: &str, hash: PasswordHash) -> Recheck {
        let (users, username) = (Arc::clone(&self.users), Arc::<str>::from(username));
        let hash = Arc::new(hash);
        Recheck(Arc::new(move || {
            let (users, username) = (Arc::clone(&users), Arc::clone(&username));
            let hash = Arc::clone(&hash);
            Box::pin(async move {
                let account =
                    asked::<U, _, _>("find_account", users.find_account(&username)).await?;
                let same = |account: Account| account.is_enabled() && account.hash() == Some(&hash);
                Ok(account.is_some_and(same))
            })
        }))
    }
}

impl<U: UserStore> Authenticate for PasswordAuthenticator<U> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        // A disabled account is treated as none, and none is checked like any other.
        let account = asked::<U, _, _>(
            "find_account",
            self.users.find_account(credentials.username()),
        )
        .await?;
        let account = account.filter(Account::is_enabled);
        let stored = account.as_ref().and_then(Account::hash).cloned();
        let password = credentials.password().clone();
        let checked = self.check.check_noting(password, stored.clone()).await?;
        if let (Some(account), true) = (&account, checked.hash_refused) {
            credentials.scene.report(Event::StoredHashRefused {
                subject: account.subject().clone(),
            });
        }
        let Verdict::Right { rehashed } = checked.verdict else {
            return Err(TokenError::InvalidGrant);
        };
        let (Some(account), Some(mut hash)) = (account, stored) else {
            return Err(TokenError::InvalidGrant);
        };
        if let Some(rehashed) = rehashed {
            let saved = self.save(&credentials, &account, hash, rehashed).await?;
            hash = saved.ok_or(TokenError::InvalidGrant)?;
        }
        let mut identity = Identity::new(account.subject().clone());
        identity.recheck = Some(self.recheck(credentials.username(), hash));
        Ok(identity.with_scope(account.scope().clone()))
    }

    async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
        Ok(asked::<U, _, _>("find_user", self.users.find_user(subject))
            .await?
            .is_some())
    }
}

impl<U> Clone for PasswordAuthenticator<U> {
    fn clone(&self) -> Self {
        Self {
            users: Arc::clone(&self.users),
            check: self.check.clone(),
        }
    }
}

impl<U> fmt::Debug for PasswordAuthenticator<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordAuthenticator")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}
