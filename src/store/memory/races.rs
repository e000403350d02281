//! Every order in which threads can take the locks, tried by `loom`:
//! `RUSTFLAGS="--cfg loom" cargo test --lib races`.

use futures_util::FutureExt;
use loom::thread;

use super::MemoryTokens;
use crate::{
    model::{
        Chain, Family, FamilyId, RefreshToken, Rotated, Rotation, Salt, Session, Subject,
        Timestamp, TokenDigest, TokenPrefix,
    },
    store::{Inserted, TokenStore},
};

const NOW: Timestamp = Timestamp::from_secs(1_000);
const LATER: Timestamp = Timestamp::from_secs(9_000);

/// The memory store never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the store waited")
}

fn subject() -> Subject {
    Subject::new("meera").expect("a subject")
}

fn session(family: FamilyId) -> Session {
    Session::new(subject(), NOW, LATER).with_family(family)
}

/// A login: its refresh token and the digest of its access token.
fn log_in(tokens: &MemoryTokens) -> (RefreshToken, TokenDigest) {
    let refresh = RefreshToken::generate(&TokenPrefix::default()).expect("random bytes");
    let id = refresh.family();
    let family = Family::new(id, subject(), NOW, LATER).with_chain(Chain::new(
        refresh.digest(),
        LATER,
        LATER,
    ));
    let access = TokenDigest::from_bytes([7; 32]);
    let inserted = now(tokens.insert(family, access, session(id))).expect("memory");
    assert_eq!(inserted, Inserted::Saved);
    (refresh, access)
}

/// Refreshes, with a grace window until `window`; what came of it, and the access token.
fn refresh(
    tokens: &MemoryTokens,
    presented: &RefreshToken,
    window: Timestamp,
) -> (Rotated, TokenDigest) {
    let salt = Salt::generate().expect("random bytes");
    let prefix = TokenPrefix::default();
    let (access, successor) = presented.successors(&prefix, &salt);
    let session = session(presented.family());
    let (presented_digest, access_digest) = (presented.digest(), access.digest());
    let rotation = Rotation::new(
        presented_digest,
        successor.digest(),
        LATER,
        access_digest,
        session,
        salt,
    );
    let rotation = rotation.with_window_until(window);
    let rotated = now(tokens.rotate(presented.family(), rotation)).expect("memory");
    let access_digest = match &rotated {
        Rotated::Again(salt) => presented.successors(&prefix, salt).0.digest(),
        _ => access_digest,
    };
    (rotated, access_digest)
}

fn finds(tokens: &MemoryTokens, access: TokenDigest) -> bool {
    now(tokens.find_access(access)).expect("memory").is_some()
}

#[test]
fn of_two_refreshes_without_grace_one_wins_and_the_login_is_revoked() {
    loom::model(|| {
        let tokens = MemoryTokens::new();
        let (token, first) = log_in(&tokens);
        let other = {
            let (tokens, token) = (tokens.clone(), token.clone());
            thread::spawn(move || refresh(&tokens, &token, NOW))
        };
        let mine = refresh(&tokens, &token, NOW);
        let theirs = other.join().expect("no panic");

        let done = |rotated: &Rotated| usize::from(matches!(rotated, Rotated::Done));
        assert_eq!(done(&mine.0) + done(&theirs.0), 1);
        let replay = |rotated: &Rotated| usize::from(matches!(rotated, Rotated::Replay));
        assert_eq!(replay(&mine.0) + replay(&theirs.0), 1);
        for access in [first, mine.1, theirs.1] {
            assert!(
                !finds(&tokens, access),
                "a token of a revoked login is good"
            );
        }
    });
}

#[test]
fn of_two_refreshes_with_grace_both_get_the_same_successor() {
    loom::model(|| {
        let tokens = MemoryTokens::new();
        let (token, _) = log_in(&tokens);
        let other = {
            let (tokens, token) = (tokens.clone(), token.clone());
            thread::spawn(move || refresh(&tokens, &token, LATER))
        };
        let mine = refresh(&tokens, &token, LATER);
        let theirs = other.join().expect("no panic");

        let pair = (&mine.0, &theirs.0);
        assert!(matches!(
            pair,
            (Rotated::Done, Rotated::Again(_)) | (Rotated::Again(_), Rotated::Done)
        ));
        assert_eq!(mine.1, theirs.1);
        assert!(finds(&tokens, mine.1));
    });
}

#[test]
fn a_refresh_beside_a_logout_leaves_no_token() {
    loom::model(|| {
        let tokens = MemoryTokens::new();
        let (token, first) = log_in(&tokens);
        let other = {
            let (tokens, token) = (tokens.clone(), token.clone());
            thread::spawn(move || refresh(&tokens, &token, LATER))
        };
        assert_eq!(now(tokens.revoke_subject(&subject())).expect("memory"), 1);
        assert!(!finds(&tokens, first));
        let (rotated, access) = other.join().expect("no panic");

        assert!(matches!(rotated, Rotated::Done | Rotated::Unknown));
        assert!(
            !finds(&tokens, access),
            "a refreshed token outlived the logout"
        );
        assert!(tokens.is_empty());
    });
}

/// Whoever revokes all of a user's logins does not come back before another's revocation of one of
/// them has ended its tokens.
#[test]
fn a_logout_everywhere_beside_a_logout_leaves_no_token() {
    loom::model(|| {
        let tokens = MemoryTokens::new();
        let (token, first) = log_in(&tokens);
        let other = {
            let tokens = tokens.clone();
            thread::spawn(move || now(tokens.revoke_family(token.family())).expect("memory"))
        };
        let all = now(tokens.revoke_subject(&subject())).expect("memory");
        assert!(!finds(&tokens, first), "a token outlived the logout");
        let one = other.join().expect("no panic");
        assert_eq!(all + usize::from(one), 1);
    });
}

#[test]
fn two_logouts_count_a_login_once() {
    loom::model(|| {
        let tokens = MemoryTokens::new();
        let (token, _) = log_in(&tokens);
        let other = {
            let (tokens, id) = (tokens.clone(), token.family());
            thread::spawn(move || now(tokens.revoke_family(id)).expect("memory"))
        };
        let mine = now(tokens.revoke_family(token.family())).expect("memory");
        assert!(mine != other.join().expect("no panic"));
        assert!(tokens.is_empty());
    });
}
