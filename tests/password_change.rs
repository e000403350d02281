//! A password that is changed, or an account that is disabled, in the middle of a login.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Password, PasswordHash, Subject},
    password::{Bcrypt, PasswordHasher},
    store::{Account, StoreError, UserStore},
    token::{Authenticate, Credentials, Identity, Issuer, TokenError, TokenService},
};

use crate::support::{LOGIN, User, fast, send, token_request, users};

/// What happens to meera's account between the check of the password and the saving of the login:
/// when the account is looked at for the second time.
struct Meanwhile<F> {
    users: MemoryUsers<User>,
    looks: AtomicUsize,
    change: F,
}

impl<F> UserStore for Meanwhile<F>
where
    F: Fn(Account) -> Account + Send + Sync + 'static,
{
    type User = User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let account = self.users.find_account(username).await?;
        if self.looks.fetch_add(1, Ordering::SeqCst) == 0 {
            return Ok(account);
        }
        Ok(account.map(&self.change))
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        self.users.find_user(subject).await
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        self.users.replace_hash(subject, old, new).await
    }
}

/// A login with the old password; how many logins are left of it.
async fn log_in_while(change: impl Fn(Account) -> Account + Send + Sync + 'static) -> usize {
    let users = Meanwhile {
        users: users(),
        looks: AtomicUsize::new(0),
        change,
    };
    let tokens = MemoryTokens::new();
    let flow = PasswordFlow::new(users, tokens.clone()).with_hasher(fast());
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    let told = "the request could not be checked, try again later";
    answer.expect_error(503, "temporarily_unavailable", told);
    let meera = Subject::new("meera").unwrap();
    flow.families(&meera).await.unwrap().len() + tokens.len()
}

/// The application saves the new password, then ends all logins. One that is saved after that
/// would stay, with the old password.
#[tokio::test]
async fn a_login_whose_password_was_changed_meanwhile_leaves_no_token() {
    let new = fast().hash(&Password::new("new password")).unwrap();
    let change = move |account: Account| account.with_hash(new.clone());
    assert_eq!(log_in_while(change).await, 0);
}

#[tokio::test]
async fn a_login_whose_account_was_disabled_meanwhile_leaves_no_token() {
    assert_eq!(log_in_while(|account| account.with_enabled(false)).await, 0);
}

#[tokio::test]
async fn a_login_that_renews_its_own_hash_is_no_change() {
    let flow = PasswordFlow::new(users(), MemoryTokens::new()).with_hasher(stronger());
    for _ in 0..2 {
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        answer.expect_token(Some("items:read me"));
    }
}

/// Another login with the same password renews the hash first, or this one's answer is lost.
struct RenewedByAnother {
    users: MemoryUsers<User>,
    answer: fn() -> Result<bool, StoreError>,
}

impl UserStore for RenewedByAnother {
    type User = User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        self.users.find_account(username).await
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        self.users.find_user(subject).await
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        old: &PasswordHash,
        _: PasswordHash,
    ) -> Result<bool, StoreError> {
        let theirs = stronger().hash(&Password::new("secret123")).unwrap();
        assert!(self.users.replace_hash(subject, old, theirs).await?);
        (self.answer)()
    }
}

fn stronger() -> Bcrypt {
    Bcrypt::new(5).unwrap()
}

#[tokio::test]
async fn of_two_logins_that_renew_one_hash_at_once_both_go_through() {
    for answer in [(|| Ok(false)) as fn() -> _, || {
        Err(StoreError::new("the answer was lost"))
    }] {
        let store = RenewedByAnother {
            users: users(),
            answer,
        };
        let flow = PasswordFlow::new(store, MemoryTokens::new()).with_hasher(stronger());
        let answer = send(flow.token_service(), token_request(LOGIN)).await;
        answer.expect_token(Some("items:read me"));
    }
}

/// An application's own authenticator, whose user is disabled during the login.
struct Directory;

impl Authenticate for Directory {
    async fn authenticate(&self, _: Credentials<'_>) -> Result<Identity, TokenError> {
        Ok(Identity::new(Subject::new("meera").unwrap()))
    }

    async fn is_active(&self, _: &Subject) -> Result<bool, TokenError> {
        Ok(false)
    }
}

#[tokio::test]
async fn a_login_by_another_authenticator_is_checked_once_more_too() {
    let tokens = Arc::new(MemoryTokens::new());
    let service = TokenService::new(Directory, Issuer::new(Arc::clone(&tokens)));
    let answer = send(service, token_request(LOGIN)).await;
    let told = "the request could not be checked, try again later";
    answer.expect_error(503, "temporarily_unavailable", told);
    assert!(tokens.is_empty());
}
