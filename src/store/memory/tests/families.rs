//! Logins as a whole: how they are found and revoked, and when salts are forgotten.

#[path = "families_swept.rs"]
mod swept;

use std::collections::HashSet;

use super::MemoryTokens;
use crate::{
    model::{
        Chain, Family, FamilyId, Rotated, Rotation, Salt, Session, Standing, Subject, Timestamp,
        TokenDigest,
    },
    store::{Inserted, TokenStore, memory::tests::digest},
};

const fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// The digests of login `number`: it has room for a thousand generations of two tokens.
fn access(number: u64, generation: u64) -> TokenDigest {
    digest(number * 2_000 + 2 * generation)
}

fn refresh(number: u64, generation: u64) -> TokenDigest {
    digest(number * 2_000 + 2 * generation + 1)
}

fn id(number: u64) -> FamilyId {
    FamilyId::from_bytes(*access(number, 0).as_bytes().first_chunk().unwrap())
}

/// How long the tokens of a test live, in seconds.
#[derive(Clone, Copy)]
struct Lives {
    access: u64,
    refresh: u64,
    window: u64,
}

const LIVES: Lives = Lives {
    access: 100,
    refresh: 1_000,
    window: 10,
};

impl Lives {
    /// Login `number` of a user at `now`.
    async fn log_in(self, tokens: &MemoryTokens, number: u64, user: &str, now: u64) {
        let chain = Chain::new(refresh(number, 0), at(now + self.refresh), at(u64::MAX));
        let ends = at(now + self.access);
        let family = Family::new(id(number), subject(user), at(now), ends).with_chain(chain);
        let session = Session::new(subject(user), at(now), ends).with_family(id(number));
        let inserted = tokens.insert(family, access(number, 0), session).await;
        assert_eq!(inserted.unwrap(), Inserted::Saved);
    }

    /// Presents the token of `generation` of login `number` at `now`.
    async fn refresh(
        self,
        tokens: &MemoryTokens,
        number: u64,
        generation: u64,
        now: u64,
    ) -> Rotated {
        let session = Session::new(subject("meera"), at(now), at(now + self.access));
        let rotation = Rotation::new(
            refresh(number, generation),
            refresh(number, generation + 1),
            at(now + self.refresh),
            access(number, generation + 1),
            session.with_family(id(number)),
            Salt::generate().unwrap(),
        )
        .with_window_until(at(now + self.window));
        tokens.rotate(id(number), rotation).await.unwrap()
    }
}

async fn has_access(tokens: &MemoryTokens, number: u64, generation: u64) -> bool {
    let found = tokens.find_access(access(number, generation)).await;
    found.unwrap().is_some()
}

async fn families_of(tokens: &MemoryTokens, user: &str) -> HashSet<FamilyId> {
    let families = tokens.find_families(&subject(user)).await.unwrap();
    families.iter().map(Family::id).collect()
}

/// Whether the salt of a window is kept, asked about a time at which the window was open.
async fn keeps_salt(tokens: &MemoryTokens, number: u64, generation: u64, then: u64) -> bool {
    let family = tokens.find_family(id(number)).await.unwrap().unwrap();
    let chain = family.chain().unwrap();
    match chain.judge(refresh(number, generation), at(then)) {
        Standing::InWindow(_) => true,
        Standing::Spent => false,
        other => panic!("{other:?}"),
    }
}

/// How many logins there are.
fn logins(tokens: &MemoryTokens) -> usize {
    let parts = tokens.shared.families.iter();
    parts.map(|part| part.read().len()).sum()
}

/// How many users have logins.
fn users(tokens: &MemoryTokens) -> usize {
    let shards = tokens.shared.subjects.shards.iter();
    shards.map(|shard| shard.read().index.len()).sum()
}

#[tokio::test]
async fn a_family_is_found_by_its_id_and_among_those_of_its_user() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    LIVES.log_in(&tokens, 2, "meera", 0).await;
    LIVES.log_in(&tokens, 3, "arjun", 0).await;

    let family = tokens.find_family(id(1)).await.unwrap().unwrap();
    assert_eq!(family.id(), id(1));
    assert_eq!(family.subject(), &subject("meera"));
    assert!(tokens.find_family(id(4)).await.unwrap().is_none());
    assert_eq!(families_of(&tokens, "meera").await, [id(1), id(2)].into());
    assert_eq!(families_of(&tokens, "arjun").await, [id(3)].into());
    assert_eq!(families_of(&tokens, "nobody").await, [].into());
}

/// A login whose family is there already leaves neither its session nor anything else behind.
#[tokio::test]
async fn a_family_that_is_there_is_never_overwritten() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    let family = Family::new(id(1), subject("arjun"), at(0), at(100));
    let session = Session::new(subject("arjun"), at(0), at(100)).with_family(id(1));

    let inserted = tokens.insert(family, access(2, 0), session).await;

    assert_eq!(inserted.unwrap(), Inserted::Taken);
    assert!(!has_access(&tokens, 2, 0).await);
    assert!(has_access(&tokens, 1, 0).await);
    let family = tokens.find_family(id(1)).await.unwrap().unwrap();
    assert_eq!(family.subject(), &subject("meera"));
    assert_eq!(families_of(&tokens, "arjun").await, [].into());
    assert_eq!(tokens.len(), 1);
}

/// RFC 7009 §2.1: with a login go all access tokens of it, those of rotations too.
#[tokio::test]
async fn a_revoked_family_takes_the_access_tokens_of_its_rotations_along() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    LIVES.log_in(&tokens, 2, "meera", 0).await;
    for generation in 0..5 {
        let rotated = LIVES.refresh(&tokens, 1, generation, 1).await;
        assert!(matches!(rotated, Rotated::Done));
    }
    assert_eq!(tokens.len(), 7);

    assert!(tokens.revoke_family(id(1)).await.unwrap());

    for generation in 0..=5 {
        assert!(!has_access(&tokens, 1, generation).await);
    }
    assert!(tokens.find_family(id(1)).await.unwrap().is_none());
    assert!(!tokens.revoke_family(id(1)).await.unwrap());
    let rotated = LIVES.refresh(&tokens, 1, 5, 1).await;
    assert!(matches!(rotated, Rotated::Unknown));
    assert!(has_access(&tokens, 2, 0).await);
    assert_eq!(families_of(&tokens, "meera").await, [id(2)].into());
    assert_eq!(tokens.len(), 1);
}

/// RFC 9700 §4.14.2: the family is revoked before a replay is reported.
#[tokio::test]
async fn a_replay_revokes_the_family_with_its_access_tokens() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    for generation in 0..3 {
        let rotated = LIVES.refresh(&tokens, 1, generation, 20 * generation).await;
        assert!(matches!(rotated, Rotated::Done));
    }
    let again = LIVES.refresh(&tokens, 1, 2, 49).await;
    assert!(matches!(again, Rotated::Again(_)));
    assert_eq!(tokens.len(), 4);

    let replay = LIVES.refresh(&tokens, 1, 0, 49).await;

    assert!(matches!(replay, Rotated::Replay));
    assert!(tokens.is_empty());
    assert!(tokens.find_family(id(1)).await.unwrap().is_none());
    assert_eq!(users(&tokens), 0);
}

#[tokio::test]
async fn revoking_a_subject_counts_its_logins_and_leaves_those_of_others() {
    let tokens = MemoryTokens::new();
    for number in 0..10 {
        LIVES.log_in(&tokens, number, "meera", 0).await;
    }
    LIVES.log_in(&tokens, 10, "arjun", 0).await;
    let rotated = LIVES.refresh(&tokens, 3, 0, 1).await;
    assert!(matches!(rotated, Rotated::Done));
    assert!(tokens.revoke_family(id(9)).await.unwrap());

    assert_eq!(tokens.revoke_subject(&subject("meera")).await.unwrap(), 9);

    assert_eq!(tokens.revoke_subject(&subject("meera")).await.unwrap(), 0);
    assert_eq!(tokens.revoke_subject(&subject("nobody")).await.unwrap(), 0);
    assert_eq!(families_of(&tokens, "meera").await, [].into());
    assert!(!has_access(&tokens, 3, 1).await);
    assert!(has_access(&tokens, 10, 0).await);
    assert_eq!(tokens.len(), 1);
    assert_eq!(users(&tokens), 1);
}

/// One access token goes; the login and its other tokens stay.
#[tokio::test]
async fn revoking_an_access_token_leaves_its_family() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    assert!(tokens.revoke_access(access(1, 0)).await.unwrap());
    assert!(!tokens.revoke_access(access(1, 0)).await.unwrap());
    assert!(!has_access(&tokens, 1, 0).await);
    let rotated = LIVES.refresh(&tokens, 1, 0, 1).await;
    assert!(matches!(rotated, Rotated::Done));
    assert!(has_access(&tokens, 1, 1).await);
}

/// A rotation is saved whole or not at all.
#[tokio::test]
async fn a_rotation_whose_access_token_is_taken_spends_nothing() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    let session = Session::new(subject("meera"), at(1), at(50));
    let rotation = Rotation::new(
        refresh(1, 0),
        refresh(1, 1),
        at(500),
        access(1, 0),
        session,
        Salt::generate().unwrap(),
    );
    let rotated = tokens.rotate(id(1), rotation).await.unwrap();
    assert!(matches!(rotated, Rotated::Unknown));
    let family = tokens.find_family(id(1)).await.unwrap().unwrap();
    assert_eq!(family.chain().unwrap().current(), refresh(1, 0));
    let rotated = LIVES.refresh(&tokens, 1, 0, 1).await;
    assert!(matches!(rotated, Rotated::Done));
}

/// The guide: a salt is forgotten with the first login or refresh, of whomever, after its window
/// has closed.
#[tokio::test]
async fn a_salt_is_forgotten_with_the_next_login_or_refresh_of_anybody() {
    for by_refresh in [false, true] {
        let tokens = MemoryTokens::new();
        LIVES.log_in(&tokens, 1, "meera", 0).await;
        LIVES.log_in(&tokens, 2, "arjun", 0).await;
        let rotated = LIVES.refresh(&tokens, 1, 0, 100).await;
        assert!(matches!(rotated, Rotated::Done));

        LIVES.log_in(&tokens, 3, "arjun", 109).await;
        assert!(keeps_salt(&tokens, 1, 0, 109).await);
        if by_refresh {
            let rotated = LIVES.refresh(&tokens, 2, 0, 110).await;
            assert!(matches!(rotated, Rotated::Done));
        } else {
            LIVES.log_in(&tokens, 4, "arjun", 110).await;
        }
        assert!(!keeps_salt(&tokens, 1, 0, 109).await);
    }
}

/// A long window that was opened first does not keep the salts of shorter ones behind it.
#[tokio::test]
async fn a_salt_does_not_wait_for_that_of_a_longer_window() {
    let tokens = MemoryTokens::new();
    LIVES.log_in(&tokens, 1, "meera", 0).await;
    LIVES.log_in(&tokens, 2, "meera", 0).await;
    let long = Lives {
        window: 60,
        ..LIVES
    };
    assert!(matches!(
        long.refresh(&tokens, 1, 0, 0).await,
        Rotated::Done
    ));
    assert!(matches!(
        LIVES.refresh(&tokens, 2, 0, 0).await,
        Rotated::Done
    ));

    LIVES.log_in(&tokens, 3, "arjun", 10).await;

    assert!(keeps_salt(&tokens, 1, 0, 9).await);
    assert!(!keeps_salt(&tokens, 2, 0, 9).await);
}

/// A crowd of windows that close together delays nobody, and is cleared away 16 at a time.
#[tokio::test]
async fn the_salts_of_a_crowd_are_forgotten_by_and_by() {
    let tokens = MemoryTokens::new();
    for number in 0..160 {
        LIVES.log_in(&tokens, number, "meera", 0).await;
        let rotated = LIVES.refresh(&tokens, number, 0, 0).await;
        assert!(matches!(rotated, Rotated::Done));
    }
    for later in 1..=10 {
        LIVES.log_in(&tokens, 1_000 + later, "arjun", 10).await;
        let mut kept = 0;
        for number in 0..160 {
            kept += u64::from(keeps_salt(&tokens, number, 0, 9).await);
        }
        assert_eq!(kept, 160 - 16 * later);
    }
    assert!(tokens.shared.windows().is_empty());
}
