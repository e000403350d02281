//! Hashes that are made stronger when their owner logs in.

use std::sync::Arc;

use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Password, PasswordHash, Subject},
    password::{Bcrypt, PasswordHasher},
    store::{Account, StoreError, UserStore},
};

use crate::support::{Flow, LOGIN, User, fast, log_in, send, token_request, users};

const BOTH: Option<&str> = Some("items:read me");

/// `users` of [`users`], and a flow that hashes one step more strongly than they were.
fn stronger_flow() -> (MemoryUsers<User>, Flow) {
    let users = users();
    let flow =
        PasswordFlow::new(users.clone(), MemoryTokens::new()).with_hasher(Bcrypt::new(5).unwrap());
    (users, flow)
}

async fn hash_of_meera(users: &MemoryUsers<User>) -> PasswordHash {
    let account = users.find_account("meera").await.unwrap().unwrap();
    account.hash().unwrap().clone()
}

/// A login is the one time when a weak hash can be made strong, and it is.
#[tokio::test]
async fn a_login_saves_a_stronger_hash() {
    let (users, flow) = stronger_flow();
    let old = hash_of_meera(&users).await;
    assert!(old.expose().starts_with("$2b$04$"));

    log_in(&flow).await;

    let new = hash_of_meera(&users).await;
    assert!(new.expose().starts_with("$2b$05$"));
    assert!(fast().verify(&Password::new("secret123"), &new).unwrap());
    log_in(&flow).await;
    assert_eq!(hash_of_meera(&users).await, new);
}

/// A hash of the wanted strength is left alone.
#[tokio::test]
async fn a_login_leaves_a_strong_hash_alone() {
    let users = users();
    let flow = PasswordFlow::new(users.clone(), MemoryTokens::new()).with_hasher(fast());
    let old = hash_of_meera(&users).await;
    log_in(&flow).await;
    assert_eq!(hash_of_meera(&users).await, old);
}

/// A wrong password, or one of a disabled user, changes nothing.
#[tokio::test]
async fn a_failed_login_saves_no_hash() {
    let (users, flow) = stronger_flow();
    let old = hash_of_meera(&users).await;
    let wrong = "grant_type=password&username=meera&password=wrong";
    let told = "the username or the password is wrong";

    let answer = send(flow.token_service(), token_request(wrong)).await;
    answer.expect_error(400, "invalid_grant", told);
    assert!(users.set_enabled(&Subject::new("meera").unwrap(), false));
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    answer.expect_error(400, "invalid_grant", told);

    assert_eq!(hash_of_meera(&users).await, old);
}

/// A store in which somebody else changes the password right after it was looked up.
struct Changing {
    users: MemoryUsers<User>,
    changed: PasswordHash,
}

impl UserStore for Changing {
    type User = User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let found = self.users.find_account(username).await?;
        if let Some((account, old)) = found.as_ref().and_then(|a| Some((a, a.hash()?))) {
            let (subject, new) = (account.subject(), self.changed.clone());
            assert!(self.users.replace_hash(subject, old, new).await?);
        }
        Ok(found)
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

/// A password that was changed while the old one was being checked stays changed, and the old one
/// lets nobody in.
#[tokio::test]
async fn a_stronger_hash_is_not_saved_over_a_password_changed_meanwhile() {
    let users = users();
    let changed = fast().hash(&Password::new("changed")).unwrap();
    let store = Changing {
        users: users.clone(),
        changed: changed.clone(),
    };
    let flow = PasswordFlow::new(store, MemoryTokens::new()).with_hasher(Bcrypt::new(5).unwrap());

    let answer = send(flow.token_service(), token_request(LOGIN)).await;

    let told = "the username or the password is wrong";
    answer.expect_error(400, "invalid_grant", told);
    assert_eq!(hash_of_meera(&users).await, changed);
}

/// A store that cannot be written.
struct ReadOnly(MemoryUsers<User>);

impl UserStore for ReadOnly {
    type User = User;

    async fn find_account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        self.0.find_account(username).await
    }

    async fn find_user(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        self.0.find_user(subject).await
    }

    async fn replace_hash(
        &self,
        _: &Subject,
        _: &PasswordHash,
        _: PasswordHash,
    ) -> Result<bool, StoreError> {
        Err(StoreError::new("read-only"))
    }
}

/// The old hash still holds, so a stronger one that cannot be saved is no reason to refuse.
#[tokio::test]
async fn a_stronger_hash_that_cannot_be_saved_does_not_fail_the_login() {
    let users = users();
    let flow = PasswordFlow::new(ReadOnly(users.clone()), MemoryTokens::new())
        .with_hasher(Bcrypt::new(5).unwrap());
    let old = hash_of_meera(&users).await;

    let answer = send(flow.token_service(), token_request(LOGIN)).await;

    answer.expect_token(BOTH);
    assert_eq!(hash_of_meera(&users).await, old);
}
