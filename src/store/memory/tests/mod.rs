mod compact;
mod walk;

use std::sync::Arc;

use super::{MemoryTokens, MemoryUsers, NewUserError, lock::READ_PARTS};
use crate::{
    model::{Family, FamilyId, PasswordHash, Session, Subject, Timestamp, TokenDigest},
    password::{Bcrypt, HashError},
    store::{Account, Inserted, TokenStore, UserStore},
};

/// The digest of the `number`th token: as random as a real one (splitmix64), and known again.
pub(super) fn digest(number: u64) -> TokenDigest {
    let mut state = number;
    let mut word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_ne_bytes()
    };
    let words = [word(), word(), word(), word()];
    TokenDigest::from_bytes(words.concat().try_into().unwrap())
}

fn session(issued_at: u64, expires_at: u64) -> Session {
    let subject = Subject::new("meera").unwrap();
    Session::new(
        subject,
        Timestamp::from_secs(issued_at),
        Timestamp::from_secs(expires_at),
    )
}

/// Saves a login of one access token; its family has the first half of the digest as its id.
async fn insert(tokens: &MemoryTokens, digest: TokenDigest, session: Session) -> Inserted {
    let id = FamilyId::from_bytes(*digest.as_bytes().first_chunk().unwrap());
    let (subject, issued_at) = (session.subject().clone(), session.issued_at());
    let family = Family::new(id, subject, issued_at, session.expires_at());
    tokens
        .insert(family, digest, session.with_family(id))
        .await
        .unwrap()
}

/// What [`insert`] saved.
fn saved(digest: TokenDigest, session: Session) -> Session {
    session.with_family(FamilyId::from_bytes(
        *digest.as_bytes().first_chunk().unwrap(),
    ))
}

#[tokio::test]
async fn a_session_is_found_by_its_digest_and_by_no_other() {
    let tokens = MemoryTokens::new();
    assert_eq!(
        insert(&tokens, digest(1), session(0, 60)).await,
        Inserted::Saved
    );

    assert_eq!(
        tokens.find_access(digest(1)).await.unwrap(),
        Some(saved(digest(1), session(0, 60)))
    );
    assert_eq!(
        tokens.find_access_now(digest(1)).unwrap().unwrap(),
        Some(saved(digest(1), session(0, 60)))
    );
    assert_eq!(tokens.find_access(digest(2)).await.unwrap(), None);
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn a_live_session_is_never_overwritten() {
    let tokens = MemoryTokens::new();
    assert_eq!(
        insert(&tokens, digest(1), session(0, 60)).await,
        Inserted::Saved
    );
    assert_eq!(
        insert(&tokens, digest(1), session(59, 90)).await,
        Inserted::Taken
    );
    assert_eq!(
        tokens.find_access(digest(1)).await.unwrap(),
        Some(saved(digest(1), session(0, 60)))
    );
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn an_expired_session_gives_its_place_to_a_new_one() {
    let tokens = MemoryTokens::new();
    assert_eq!(
        insert(&tokens, digest(1), session(0, 60)).await,
        Inserted::Saved
    );
    assert_eq!(
        insert(&tokens, digest(1), session(60, 90)).await,
        Inserted::Saved
    );
    assert_eq!(
        tokens.find_access(digest(1)).await.unwrap(),
        Some(saved(digest(1), session(60, 90)))
    );
    assert_eq!(tokens.len(), 1);
}

/// OWASP and every long-running service: a store that only grows ends the process.
#[tokio::test]
async fn of_a_million_tokens_issued_one_after_another_only_the_live_ones_stay() {
    let tokens = MemoryTokens::new();
    let (per_second, lifetime) = (1_000, 5);
    let live = usize::try_from(per_second * lifetime).unwrap();
    let mut most = 0;
    for number in 0..1_000_000 {
        let now = number / per_second;
        let inserted = insert(&tokens, digest(number), session(now, now + lifetime)).await;
        assert_eq!(inserted, Inserted::Saved);
        most = most.max(tokens.len());
    }
    // A whole round of sweeps takes an eighth of what is held, and one for each part.
    let bound = (live + READ_PARTS) * 8 / 7 + READ_PARTS;
    assert!(
        most <= bound,
        "{most} held at once, {live} live, at most {bound} expected"
    );
    assert!(
        tokens.len() >= live - 1_000,
        "live sessions are missing: {}",
        tokens.len()
    );
    for number in 999_000..1_000_000 {
        assert!(tokens.find_access(digest(number)).await.unwrap().is_some());
    }
}

/// A crowd that leaves at once, and a trickle after it.
#[tokio::test]
async fn a_crowd_that_expires_at_once_is_swept_out_within_an_eighth_as_many_insertions() {
    let tokens = MemoryTokens::new();
    for number in 0..100_000 {
        assert_eq!(
            insert(&tokens, digest(number), session(0, 10)).await,
            Inserted::Saved
        );
    }
    assert_eq!(tokens.len(), 100_000);
    let trickle = 100_000 / 8 + u64::try_from(READ_PARTS).unwrap();
    for number in 0..trickle {
        let late = digest(1_000_000 + number);
        assert_eq!(
            insert(&tokens, late, session(10, 20)).await,
            Inserted::Saved
        );
    }
    assert_eq!(tokens.len(), usize::try_from(trickle).unwrap());
}

#[tokio::test]
#[ignore = "prints a timing; run by hand, in release"]
async fn the_longest_insertion_of_a_million() {
    for (kind, lifetime) in [("short-lived", 5), ("all live", 1_000_000)] {
        let tokens = MemoryTokens::new();
        let mut times = Vec::with_capacity(1_000_000);
        for number in 0..1_000_000 {
            let now = number / 1_000;
            let (digest, session) = (digest(number), session(now, now + lifetime));
            let start = std::time::Instant::now();
            assert_eq!(insert(&tokens, digest, session).await, Inserted::Saved);
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let over = times.iter().filter(|time| time.as_micros() > 1_000).count();
        println!(
            "{kind}: median {:?}, 99.99 % {:?}, longest {:?}, {over} over a millisecond, {} held",
            times[500_000],
            times[999_900],
            times[999_999],
            tokens.len(),
        );
    }
}

fn users() -> MemoryUsers<&'static str> {
    MemoryUsers::new().with_hasher(Bcrypt::new(4).unwrap())
}

#[tokio::test]
async fn a_user_is_found_by_name_for_a_login_and_by_subject_for_a_token() {
    let scope = "me".parse().unwrap();
    let users = users()
        .with_scoped_user("meera", "secret123", scope, "Meera")
        .unwrap();

    let account = users.find_account("meera").await.unwrap().unwrap();
    assert_eq!(account.subject().as_str(), "meera");
    assert_eq!(account.scope().to_string(), "me");
    assert!(account.hash().unwrap().expose().starts_with("$2b$04$"));
    assert!(users.find_account("Meera").await.unwrap().is_none());

    let user = users.find_user(account.subject()).await.unwrap();
    assert_eq!(user, Some(Arc::new("Meera")));
}

#[tokio::test]
async fn a_disabled_user_keeps_the_account_and_loses_the_tokens() {
    let users = users().with_user("meera", "secret123", "Meera").unwrap();
    let meera = Subject::new("meera").unwrap();

    assert!(users.set_enabled(&meera, false));
    assert!(
        !users
            .find_account("meera")
            .await
            .unwrap()
            .unwrap()
            .is_enabled()
    );
    assert_eq!(users.find_user(&meera).await.unwrap(), None);
    assert_eq!(users.find_user_now(&meera).unwrap().unwrap(), None);

    assert!(users.set_enabled(&meera, true));
    assert!(users.find_user(&meera).await.unwrap().is_some());
    assert!(!users.set_enabled(&Subject::new("nobody").unwrap(), true));
}

#[test]
fn a_name_and_a_subject_are_given_once() {
    let users = users().with_user("meera", "secret123", "Meera").unwrap();
    let again = users.clone().with_user("meera", "other", "Other");
    assert!(matches!(again, Err(NewUserError::Taken)));
    let account = Account::new(Subject::new("meera").unwrap());
    assert!(matches!(
        users.insert("m2", account, "Other"),
        Err(NewUserError::Taken)
    ));
    // The failed one left nothing behind.
    let account = Account::new(Subject::new("m2").unwrap());
    users.insert("m2", account, "Other").unwrap();
    assert_eq!(users.len(), 2);
}

#[test]
fn a_user_who_could_never_log_in_is_refused_when_made() {
    let long = "a".repeat(73);
    let too_long = users().with_user("meera", &long, "Meera");
    assert!(matches!(
        too_long,
        Err(NewUserError::Hash(HashError::TooLong { limit: 72 }))
    ));
    let nul = users().with_user("meera", "a\0b", "Meera");
    assert!(matches!(nul, Err(NewUserError::Hash(HashError::Nul))));
    assert!(matches!(
        users().with_user("", "secret123", ""),
        Err(NewUserError::Subject(_))
    ));
}

#[tokio::test]
async fn a_hash_is_replaced_only_while_it_is_the_one_that_was_checked() {
    let users = users();
    let meera = Subject::new("meera").unwrap();
    let account = Account::new(meera.clone()).with_hash(PasswordHash::new("old"));
    users.insert("meera", account, "Meera").unwrap();
    let stored = async || {
        users
            .find_account("meera")
            .await
            .unwrap()
            .unwrap()
            .hash()
            .cloned()
    };

    let (old, new) = (PasswordHash::new("old"), PasswordHash::new("new"));
    assert!(users.replace_hash(&meera, &old, new.clone()).await.unwrap());
    assert_eq!(stored().await, Some(new.clone()));
    assert!(
        !users
            .replace_hash(&meera, &old, PasswordHash::new("late"))
            .await
            .unwrap()
    );
    assert_eq!(stored().await, Some(new));
}
