//! The tests that every [`TokenStore`] must pass.
//!
//! They panic at the first promise that is broken, and say which. Each makes logins of its own, so
//! all may run on one store, at once or again. Time is the system's, as some stores have a clock of
//! their own.
//!
//! ```
//! use tower_oauth2_password::{MemoryTokens, store::conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::all(&MemoryTokens::new()).await;
//! # }
//! ```

mod login;

use futures_util::future::{join, join_all};

use self::login::{
    Login, assert_revoked, assert_same_family, families_of, family_of, later, now, seconds,
    session_of, some_digest, some_subject,
};
use super::{Inserted, TokenStore};
use crate::model::{Family, FamilyId, Rotated, Session, TokenPrefix};

/// How many come at once where one may win.
const CROWD: usize = 32;

/// Runs all of them.
pub async fn all<T: TokenStore>(tokens: &T) {
    old_access_tokens_of_a_login_make_room_for_new_ones(tokens).await;
    all_of_a_cache(tokens).await;
}

/// Runs all that a cache in front of a store can keep: an access token that made room for another
/// is known to it until it is stale.
pub async fn all_of_a_cache<T: TokenStore>(tokens: &T) {
    what_was_inserted_is_found(tokens).await;
    what_was_not_inserted_is_not_found(tokens).await;
    nothing_is_overwritten(tokens).await;
    a_rotation_saves_the_family_and_the_access_token(tokens).await;
    of_many_rotations_without_a_window_one_wins_and_the_family_is_revoked(tokens).await;
    of_many_rotations_in_a_window_all_learn_of_one_successor(tokens).await;
    a_spent_token_revokes_the_family_when_its_window_is_closed(tokens).await;
    what_is_over_or_unknown_is_not_rotated(tokens).await;
    an_access_token_is_revoked_alone(tokens).await;
    a_family_is_revoked_with_all_its_tokens(tokens).await;
    a_subject_is_revoked_with_all_its_families_and_nobody_elses(tokens).await;
    a_rotation_beside_a_revocation_leaves_no_token(tokens).await;
}

/// A login comes back as it was saved, to the last field.
pub async fn what_was_inserted_is_found<T: TokenStore>(tokens: &T) {
    let subject = some_subject();
    let login = Login::saved(tokens, &subject).await;
    let found = session_of(tokens, login.access).await;
    assert_eq!(found.as_ref(), Some(&login.session));
    let family = family_of(tokens, login.family.id()).await;
    assert_same_family(&family.expect("the family is found"), &login.family);

    // Without all that may be left out.
    let id = FamilyId::generate().expect("random bytes");
    let bare = Family::new(id, subject.clone(), now(), later());
    let session = Session::new(subject.clone(), now(), later()).with_family(id);
    let digest = some_digest();
    let inserted = tokens.insert(bare.clone(), digest, session.clone()).await;
    assert_eq!(inserted.expect("insert"), Inserted::Saved);
    assert_eq!(session_of(tokens, digest).await, Some(session));
    let family = family_of(tokens, id).await;
    assert_same_family(&family.expect("the family is found"), &bare);

    let mut expected = vec![login.family.id(), id];
    expected.sort_unstable();
    assert_eq!(families_of(tokens, &subject).await, expected);
}

/// "Not found" is no error.
pub async fn what_was_not_inserted_is_not_found<T: TokenStore>(tokens: &T) {
    let id = FamilyId::generate().expect("random bytes");
    assert_eq!(session_of(tokens, some_digest()).await, None);
    assert!(family_of(tokens, id).await.is_none());
    assert_eq!(families_of(tokens, &some_subject()).await, []);
    assert!(
        !tokens
            .revoke_access(some_digest())
            .await
            .expect("revoke_access")
    );
    assert!(!tokens.revoke_family(id).await.expect("revoke_family"));
    let revoked = tokens.revoke_subject(&some_subject()).await;
    assert_eq!(revoked.expect("revoke_subject"), 0);
}

/// A digest or a family that is there stays as it is, and the new login is not saved at all.
pub async fn nothing_is_overwritten<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;

    let mut same_digest = Login::of(&some_subject());
    same_digest.access = login.access;
    assert_eq!(same_digest.insert(tokens).await, Inserted::Taken);
    let found = session_of(tokens, login.access).await;
    assert_eq!(found.as_ref(), Some(&login.session));
    assert!(family_of(tokens, same_digest.family.id()).await.is_none());
    assert_eq!(families_of(tokens, same_digest.family.subject()).await, []);

    let other = Login::of(&some_subject());
    let family = Family::new(
        login.family.id(),
        other.family.subject().clone(),
        now(),
        later(),
    );
    let taken = tokens
        .insert(family, other.access, other.session.clone())
        .await;
    assert_eq!(taken.expect("insert"), Inserted::Taken);
    assert_eq!(session_of(tokens, other.access).await, None);
    let family = family_of(tokens, login.family.id()).await;
    assert_same_family(&family.expect("the family is found"), &login.family);
}

/// After [`Rotated::Done`] all is there that the next refresh needs.
pub async fn a_rotation_saves_the_family_and_the_access_token<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;
    let (rotation, access, successor) = login.rotation(&login.refresh, now(), 10);
    let mut expected = login.family.clone();
    assert!(matches!(expected.rotate(&rotation), Rotated::Done));

    let rotated = tokens.rotate(login.family.id(), rotation.clone()).await;
    assert!(matches!(rotated.expect("rotate"), Rotated::Done));
    let found = session_of(tokens, access).await;
    assert_eq!(found.as_ref(), Some(rotation.session()));
    let found = session_of(tokens, login.access).await;
    assert_eq!(found.as_ref(), Some(&login.session), "the old one stays");
    let family = family_of(tokens, login.family.id()).await;
    assert_same_family(&family.expect("the family is found"), &expected);

    let (rotated, ..) = login.rotate(tokens, &successor, now(), 0).await;
    assert!(matches!(rotated, Rotated::Done), "{rotated:?}");
}

/// Of many at once exactly one gets [`Rotated::Done`]; without a window the others are replays.
pub async fn of_many_rotations_without_a_window_one_wins_and_the_family_is_revoked<T>(tokens: &T)
where
    T: TokenStore,
{
    let login = Login::saved(tokens, &some_subject()).await;
    let at = now();
    let crowd = (0..CROWD).map(|_| login.rotate(tokens, &login.refresh, at, 0));
    let outcomes = join_all(crowd).await;

    let done = |(rotated, ..): &&(Rotated, _, _)| matches!(rotated, Rotated::Done);
    assert_eq!(outcomes.iter().filter(done).count(), 1);
    let replays = |(rotated, ..): &&(Rotated, _, _)| matches!(rotated, Rotated::Replay);
    assert!(outcomes.iter().any(|outcome| replays(&outcome)));
    let mut access: Vec<_> = outcomes.iter().map(|(_, access, _)| *access).collect();
    access.push(login.access);
    assert_revoked(tokens, &login, &access).await;
}

/// Of many at once exactly one gets [`Rotated::Done`]; in a window the others get its salt.
pub async fn of_many_rotations_in_a_window_all_learn_of_one_successor<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;
    let at = now();
    let crowd = (0..CROWD).map(|_| login.rotate(tokens, &login.refresh, at, 30));
    let outcomes = join_all(crowd).await;

    let mut winners = outcomes
        .iter()
        .filter(|(rotated, ..)| matches!(rotated, Rotated::Done));
    let winner = winners.next().map(|(_, access, _)| *access);
    let winner = winner.expect("one of them wins");
    assert!(winners.next().is_none(), "only one of them wins");
    for (rotated, access, _) in &outcomes {
        match rotated {
            Rotated::Done => assert_eq!(*access, winner),
            Rotated::Again(salt) => {
                let (again, _) = login.refresh.successors(&TokenPrefix::default(), salt);
                assert_eq!(again.digest(), winner);
            }
            other => panic!("a refresh in the window came to {other:?}"),
        }
        let found = session_of(tokens, *access).await;
        assert_eq!(
            found.is_some(),
            *access == winner,
            "only the winner's is saved"
        );
    }
}

/// A spent token comes back after its window, or without one, or many rotations later.
pub async fn a_spent_token_revokes_the_family_when_its_window_is_closed<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;
    let at = now();
    let (rotated, first, _) = login.rotate(tokens, &login.refresh, at, 5).await;
    assert!(matches!(rotated, Rotated::Done));
    let (rotated, again, _) = login
        .rotate(tokens, &login.refresh, at + seconds(4), 5)
        .await;
    assert!(matches!(rotated, Rotated::Again(_)), "{rotated:?}");
    let (rotated, late, _) = login
        .rotate(tokens, &login.refresh, at + seconds(5), 5)
        .await;
    assert!(matches!(rotated, Rotated::Replay), "{rotated:?}");
    assert_revoked(tokens, &login, &[login.access, first, again, late]).await;

    let login = Login::saved(tokens, &some_subject()).await;
    let mut newest = login.refresh.clone();
    for _ in 0..12 {
        let (rotated, _, successor) = login.rotate(tokens, &newest, at, 0).await;
        assert!(matches!(rotated, Rotated::Done));
        newest = successor;
    }
    let (rotated, ..) = login.rotate(tokens, &login.refresh, at, 0).await;
    assert!(matches!(rotated, Rotated::Replay), "{rotated:?}");
    assert_revoked(tokens, &login, &[login.access]).await;
}

/// Neither a family that is not there, nor a refresh token that has expired.
pub async fn what_is_over_or_unknown_is_not_rotated<T: TokenStore>(tokens: &T) {
    let unknown = Login::of(&some_subject());
    let (rotated, access, _) = unknown.rotate(tokens, &unknown.refresh, now(), 0).await;
    assert!(matches!(rotated, Rotated::Unknown), "{rotated:?}");
    assert_eq!(session_of(tokens, access).await, None);

    let login = Login::saved(tokens, &some_subject()).await;
    let late = login.family.expires_at();
    let (rotated, ..) = login.rotate(tokens, &login.refresh, late, 0).await;
    assert!(matches!(rotated, Rotated::Unknown), "{rotated:?}");
}

/// A client that refreshes in a loop does not fill the store: about as many access tokens are good
/// as [`Family::MAX_ACCESS_TOKENS`], the newest among them.
pub async fn old_access_tokens_of_a_login_make_room_for_new_ones<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;
    let mut all = vec![login.access];
    let mut newest = login.refresh.clone();
    for _ in 0..3 * Family::MAX_ACCESS_TOKENS {
        let (rotated, access, successor) = login.rotate(tokens, &newest, now(), 0).await;
        assert!(matches!(rotated, Rotated::Done), "{rotated:?}");
        assert!(session_of(tokens, access).await.is_some());
        all.push(access);
        newest = successor;
    }
    let mut good = 0;
    for access in &all {
        good += usize::from(session_of(tokens, *access).await.is_some());
    }
    let limit = Family::MAX_ACCESS_TOKENS + 1;
    assert!(good <= limit, "{good} access tokens of one login are good");
    assert!(good > Family::MAX_ACCESS_TOKENS / 2, "only {good} are left");
    let revoked = tokens.revoke_family(login.family.id()).await;
    assert!(revoked.expect("revoke_family"));
    assert_revoked(tokens, &login, &all).await;
}

/// One access token goes; its family and the others stay.
pub async fn an_access_token_is_revoked_alone<T: TokenStore>(tokens: &T) {
    let login = Login::saved(tokens, &some_subject()).await;
    let (_, second, successor) = login.rotate(tokens, &login.refresh, now(), 0).await;

    assert!(
        tokens
            .revoke_access(login.access)
            .await
            .expect("revoke_access")
    );
    assert_eq!(session_of(tokens, login.access).await, None);
    assert!(session_of(tokens, second).await.is_some());
    assert!(
        !tokens
            .revoke_access(login.access)
            .await
            .expect("revoke_access")
    );
    let (rotated, ..) = login.rotate(tokens, &successor, now(), 0).await;
    assert!(matches!(rotated, Rotated::Done), "{rotated:?}");
}

/// Those of the login and those of every refresh.
pub async fn a_family_is_revoked_with_all_its_tokens<T: TokenStore>(tokens: &T) {
    let subject = some_subject();
    let login = Login::saved(tokens, &subject).await;
    let other = Login::saved(tokens, &subject).await;
    let (_, second, successor) = login.rotate(tokens, &login.refresh, now(), 10).await;

    let revoked = tokens.revoke_family(login.family.id()).await;
    assert!(revoked.expect("revoke_family"));
    assert_revoked(tokens, &login, &[login.access, second]).await;
    let revoked = tokens.revoke_family(login.family.id()).await;
    assert!(!revoked.expect("revoke_family"), "it is gone already");
    for presented in [&login.refresh, &successor] {
        let (rotated, access, _) = login.rotate(tokens, presented, now(), 10).await;
        assert!(matches!(rotated, Rotated::Unknown), "{rotated:?}");
        assert_eq!(session_of(tokens, access).await, None);
    }
    assert!(session_of(tokens, other.access).await.is_some());
    assert_eq!(families_of(tokens, &subject).await, [other.family.id()]);
}

/// All logins of one user, counted, and none of another.
pub async fn a_subject_is_revoked_with_all_its_families_and_nobody_elses<T>(tokens: &T)
where
    T: TokenStore,
{
    let subject = some_subject();
    let bystander = Login::saved(tokens, &some_subject()).await;
    let mut logins = Vec::new();
    for _ in 0..3 {
        logins.push(Login::saved(tokens, &subject).await);
    }
    let revoked = tokens.revoke_subject(&subject).await;
    assert_eq!(revoked.expect("revoke_subject"), 3);
    for login in &logins {
        assert_revoked(tokens, login, &[login.access]).await;
    }
    assert!(session_of(tokens, bystander.access).await.is_some());
    let revoked = tokens.revoke_subject(&subject).await;
    assert_eq!(revoked.expect("revoke_subject"), 0);
}

/// A refresh that wins against a logout is undone by it, and one that loses is refused.
pub async fn a_rotation_beside_a_revocation_leaves_no_token<T: TokenStore>(tokens: &T) {
    for _ in 0..8 {
        let login = Login::saved(tokens, &some_subject()).await;
        let rotation = login.rotate(tokens, &login.refresh, now(), 10);
        let revocation = tokens.revoke_subject(login.family.subject());
        let ((_, access, _), revoked) = join(rotation, revocation).await;
        assert_eq!(revoked.expect("revoke_subject"), 1);
        assert_revoked(tokens, &login, &[login.access, access]).await;
    }
}
