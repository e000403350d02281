//! [`SqlUsers`](tower_oauth2_password::store::sql::SqlUsers): what it keeps, and of whom.

use tower_oauth2_password::{
    model::{Scope, Subject},
    store::{Account, UserStore},
};

use crate::support::databases::{Database, add_user, hash, on_sqlite_and_postgres, scope};

on_sqlite_and_postgres! {
    a_created_user_is_found_by_name_and_by_subject
    a_taken_username_or_subject_is_refused_and_nothing_is_overwritten
    an_account_comes_back_as_it_was_inserted
    a_name_is_a_name_whatever_is_in_it
    a_hash_a_scope_and_the_switch_can_be_set
    a_disabled_user_is_not_found_by_subject
    a_hash_is_replaced_only_if_it_is_still_the_old_one
}

fn subject(id: &str) -> Subject {
    Subject::new(id).unwrap()
}

/// The subject is random: 32 hexadecimal digits, and another one for the next.
async fn a_created_user_is_found_by_name_and_by_subject(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    let created = users.create("meera", hash("secret123"), scope()).await;
    let meera = created.unwrap().unwrap();
    assert_eq!(meera.as_str().len(), 32);
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    assert!(meera.as_str().chars().all(digit), "{meera}");

    let account = users.find_account("meera").await.unwrap().unwrap();
    assert_eq!(account.subject(), &meera);
    assert_eq!(account.scope(), &scope());
    assert!(account.is_enabled());
    let user = users.find_user(&meera).await.unwrap().unwrap();
    assert_eq!(user.username(), "meera");

    let arjun = users.create("arjun", hash("hunter22"), Scope::EMPTY).await;
    assert_ne!(arjun.unwrap().unwrap(), meera);
    assert!(users.find_account("ghost").await.unwrap().is_none());
    assert!(users.find_user(&subject("ghost")).await.unwrap().is_none());
}

/// "Neither the username nor the subject may be there."
async fn a_taken_username_or_subject_is_refused_and_nothing_is_overwritten(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    add_user(&users, "meera", "secret123").await;

    let again = users.create("meera", hash("other"), Scope::EMPTY).await;
    assert_eq!(again.unwrap(), None);
    let same_name = Account::new(subject("7"));
    assert!(!users.insert("meera", &same_name).await.unwrap());
    let same_subject = Account::new(subject("meera"));
    assert!(!users.insert("arjun", &same_subject).await.unwrap());

    assert_eq!(database.count("oauth_users", "1 = 1").await, 1);
    let account = users.find_account("meera").await.unwrap().unwrap();
    assert_eq!(account.subject(), &subject("meera"));
    assert!(account.hash().is_some());
    assert!(users.find_account("arjun").await.unwrap().is_none());
}

/// With everything, and without all that may be left out.
async fn an_account_comes_back_as_it_was_inserted(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    let hash = hash("secret123");
    let full = Account::new(subject("42"))
        .with_hash(hash.clone())
        .with_scope(scope())
        .with_enabled(false);
    assert!(users.insert("full", &full).await.unwrap());
    let found = users.find_account("full").await.unwrap().unwrap();
    assert_eq!(found.subject(), full.subject());
    assert_eq!(found.hash().unwrap().expose(), hash.expose());
    assert_eq!(found.scope(), &scope());
    assert!(!found.is_enabled());

    let bare = Account::new(subject("43"));
    assert!(users.insert("bare", &bare).await.unwrap());
    let found = users.find_account("bare").await.unwrap().unwrap();
    assert!(found.hash().is_none());
    assert_eq!(found.scope(), &Scope::EMPTY);
    assert!(found.is_enabled());
}

/// Names are values and never parts of a statement, and they are compared byte by byte.
async fn a_name_is_a_name_whatever_is_in_it(database: Database) {
    let names = [
        "meera",
        "Meera",
        " meera",
        "meera ",
        "meer%",
        "meer_",
        "*",
        "",
        "o'brien",
        "\"",
        "'; DROP TABLE oauth_users; --",
        "' OR '1' = '1",
        "$1",
        "?1",
        ":name",
        "{users}",
        "a\\b",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{ff4d}eera",
        "\u{1f600}",
        "stra\u{df}e",
        "STRASSE",
        "a\tb",
    ];
    let database = database.migrated().await;
    let users = database.sql.users();
    let mut subjects = Vec::new();
    for name in names {
        let created = users.create(name, hash("secret123"), Scope::EMPTY).await;
        subjects.push(created.unwrap().expect(name));
    }
    for (name, subject) in names.into_iter().zip(&subjects) {
        let account = users.find_account(name).await.unwrap().expect(name);
        assert_eq!(account.subject(), subject, "{name:?}");
        let user = users.find_user(subject).await.unwrap().expect(name);
        assert_eq!(user.username(), name);
    }
    let all = i64::try_from(names.len()).unwrap();
    assert_eq!(database.count("oauth_users", "1 = 1").await, all);

    let odd = subject("'; DELETE FROM oauth_users; -- \u{1f600} %");
    assert!(users.find_user(&odd).await.unwrap().is_none());
    assert!(
        users
            .insert("odd", &Account::new(odd.clone()))
            .await
            .unwrap()
    );
    assert!(users.set_enabled(&odd, true).await.unwrap());
    let user = users.find_user(&odd).await.unwrap().unwrap();
    assert_eq!(user.username(), "odd");
    assert_eq!(database.count("oauth_users", "1 = 1").await, all + 1);
}

/// "Says whether there is such a user", and changes nobody else.
async fn a_hash_a_scope_and_the_switch_can_be_set(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    add_user(&users, "meera", "secret123").await;
    add_user(&users, "arjun", "hunter22").await;
    let (meera, ghost) = (subject("meera"), subject("ghost"));
    let before = users.find_account("arjun").await.unwrap().unwrap();

    let new = hash("n3w-secret");
    assert!(users.set_hash(&meera, new.clone()).await.unwrap());
    assert!(!users.set_hash(&ghost, new.clone()).await.unwrap());
    let me: Scope = "me".parse().unwrap();
    assert!(users.set_scope(&meera, &me).await.unwrap());
    assert!(!users.set_scope(&ghost, &me).await.unwrap());
    assert!(!users.set_enabled(&ghost, false).await.unwrap());
    let account = users.find_account("meera").await.unwrap().unwrap();
    assert_eq!(account.hash().unwrap().expose(), new.expose());
    assert_eq!(account.scope(), &me);
    assert!(users.set_scope(&meera, &Scope::EMPTY).await.unwrap());
    let account = users.find_account("meera").await.unwrap().unwrap();
    assert_eq!(account.scope(), &Scope::EMPTY);

    let after = users.find_account("arjun").await.unwrap().unwrap();
    assert_eq!(
        after.hash().unwrap().expose(),
        before.hash().unwrap().expose()
    );
    assert_eq!(after.scope(), &scope());
}

/// A user who is disabled is `Ok(None)` to a token, and an account that is not enabled to a login.
async fn a_disabled_user_is_not_found_by_subject(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    add_user(&users, "meera", "secret123").await;
    add_user(&users, "arjun", "hunter22").await;
    let meera = subject("meera");

    assert!(users.set_enabled(&meera, false).await.unwrap());
    assert!(users.find_user(&meera).await.unwrap().is_none());
    let account = users.find_account("meera").await.unwrap().unwrap();
    assert!(!account.is_enabled());
    assert!(users.find_user(&subject("arjun")).await.unwrap().is_some());

    assert!(users.set_enabled(&meera, true).await.unwrap());
    assert!(users.find_user(&meera).await.unwrap().is_some());
}

/// "A password that was changed meanwhile must not come back."
async fn a_hash_is_replaced_only_if_it_is_still_the_old_one(database: Database) {
    let database = database.migrated().await;
    let users = database.sql.users();
    add_user(&users, "meera", "secret123").await;
    let meera = subject("meera");
    let stored = async || {
        let account = users.find_account("meera").await.unwrap().unwrap();
        account.hash().unwrap().clone()
    };
    let (old, better, changed) = (stored().await, hash("secret123"), hash("n3w-secret"));

    let replaced = users.replace_hash(&meera, &old, better.clone()).await;
    assert!(replaced.unwrap());
    assert_eq!(stored().await.expose(), better.expose());

    assert!(users.set_hash(&meera, changed.clone()).await.unwrap());
    let replaced = users.replace_hash(&meera, &better, old.clone()).await;
    assert!(!replaced.unwrap());
    assert_eq!(stored().await.expose(), changed.expose());
    let ghost = users.replace_hash(&subject("ghost"), &changed, old).await;
    assert!(!ghost.unwrap());
}
