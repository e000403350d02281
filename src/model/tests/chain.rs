//! The decision of every rotation.

use crate::model::{
    Chain, Family, FamilyId, Rotated, Rotation, Salt, Session, Standing, Subject, Timestamp,
    TokenDigest,
};

const fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// The digest of the `number`th refresh token.
fn digest(number: u8) -> TokenDigest {
    TokenDigest::from_bytes([number; 32])
}

fn salt(number: u8) -> Salt {
    Salt(Box::new([number; 32].into()))
}

fn session(from: u64, until: u64) -> Session {
    Session::new(Subject::new("meera").unwrap(), at(from), at(until))
}

/// Refreshes number `from` to the next number at `now`: idle for 100 s, access for 50 s, window
/// of `window` s, with the salt of its number.
fn rotation(from: u8, now: u64, window: u64) -> Rotation {
    Rotation::new(
        digest(from),
        digest(from + 1),
        at(now + 100),
        TokenDigest::from_bytes([0x80 | from; 32]),
        session(now, now + 50),
        salt(from),
    )
    .with_window_until(at(now + window))
}

/// Number 0, made at 1000, idle until 1100, over at 2000.
fn chain() -> Chain {
    Chain::new(digest(0), at(1100), at(2000))
}

fn family() -> Family {
    let id = FamilyId::from_bytes([7; 16]);
    Family::new(id, Subject::new("meera").unwrap(), at(1000), at(1050)).with_chain(chain())
}

/// A judgement in a word; of a window the number of its salt.
fn word(standing: &Standing) -> String {
    match standing {
        Standing::Current => "current".to_owned(),
        Standing::Expired => "expired".to_owned(),
        Standing::InWindow(salt) => format!("window {}", salt.as_bytes()[0]),
        Standing::Spent => "spent".to_owned(),
    }
}

fn outcome(rotated: &Rotated) -> String {
    match rotated {
        Rotated::Done => "done".to_owned(),
        Rotated::Again(salt) => format!("again {}", salt.as_bytes()[0]),
        Rotated::Replay => "replay".to_owned(),
        Rotated::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn the_current_token_is_spent_for_its_successor() {
    let mut chain = chain();
    assert_eq!(word(&chain.judge(digest(0), at(1010))), "current");

    assert_eq!(outcome(&chain.rotate(&rotation(0, 1010, 0))), "done");

    assert_eq!(chain.current(), digest(1));
    assert_eq!(chain.expires_at(), at(1110));
    assert_eq!(chain.ends_at(), at(2000));
    assert_eq!(word(&chain.judge(digest(0), at(1010))), "spent");
    assert_eq!(word(&chain.judge(digest(1), at(1010))), "current");
}

/// RFC 6749 §5.1 counts full seconds: the second of the end is over.
#[test]
fn an_expired_token_is_neither_spent_nor_a_replay() {
    let mut chain = chain();
    assert_eq!(word(&chain.judge(digest(0), at(1099))), "current");
    assert_eq!(word(&chain.judge(digest(0), at(1100))), "expired");

    assert_eq!(outcome(&chain.rotate(&rotation(0, 1100, 10))), "unknown");

    assert_eq!(chain.current(), digest(0));
    assert_eq!(chain.expires_at(), at(1100));
}

#[test]
fn no_token_of_a_chain_lives_past_its_end() {
    let mut chain = Chain::new(digest(0), at(1100), at(1050));
    assert_eq!(chain.expires_at(), at(1050));
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1049, 0))), "done");
    assert_eq!(chain.expires_at(), at(1050));
    assert_eq!(outcome(&chain.rotate(&rotation(1, 1050, 0))), "unknown");
}

#[test]
fn a_token_in_its_window_gets_its_salt_and_changes_nothing() {
    let mut chain = chain();
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1000, 10))), "done");
    for now in [1000, 1009] {
        let again = Rotation::new(
            digest(0),
            digest(99),
            at(9999),
            digest(98),
            session(now, now + 50),
            salt(97),
        )
        .with_window_until(at(9999));
        assert_eq!(outcome(&chain.rotate(&again)), "again 0");
    }
    assert_eq!(chain.current(), digest(1));
    assert_eq!(chain.expires_at(), at(1100));
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1010, 10))), "replay");
}

/// RFC 9700 §4.14.2: whatever is not the current token was spent, however long ago.
#[test]
fn any_other_token_is_a_replay() {
    let mut chain = chain();
    for number in 0..5 {
        assert_eq!(outcome(&chain.rotate(&rotation(number, 1000, 0))), "done");
    }
    for number in [0, 1, 4, 77] {
        let rotation = rotation(number, 1000, 10);
        assert_eq!(outcome(&chain.rotate(&rotation)), "replay");
    }
    assert_eq!(chain.current(), digest(5));
}

/// A replay is one even when the current token has expired.
#[test]
fn a_replay_is_found_in_an_expired_chain() {
    let mut chain = chain();
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1000, 0))), "done");
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1500, 0))), "replay");
    assert_eq!(outcome(&chain.rotate(&rotation(1, 1500, 0))), "unknown");
}

#[test]
fn at_most_eight_windows_are_open_and_the_oldest_is_closed_early() {
    let mut chain = chain();
    for number in 0..8 {
        assert_eq!(outcome(&chain.rotate(&rotation(number, 1000, 10))), "done");
    }
    for number in 0..8 {
        let standing = chain.judge(digest(number), at(1000));
        assert_eq!(word(&standing), format!("window {number}"));
    }

    assert_eq!(outcome(&chain.rotate(&rotation(8, 1001, 10))), "done");
    assert_eq!(word(&chain.judge(digest(0), at(1001))), "spent");
    for number in 1..9 {
        let standing = chain.judge(digest(number), at(1001));
        assert_eq!(word(&standing), format!("window {number}"));
    }

    // Closed ones make room: nothing open is closed early.
    assert_eq!(outcome(&chain.rotate(&rotation(9, 1010, 10))), "done");
    assert_eq!(word(&chain.judge(digest(8), at(1010))), "window 8");
    assert_eq!(word(&chain.judge(digest(9), at(1010))), "window 9");
}

/// RFC 9700 §4.14.2 by way of the guide: a salt is gone when its window is closed. Here the past
/// is asked, in which the window was open.
#[test]
fn the_salts_of_closed_windows_are_forgotten() {
    let mut chain = chain();
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1000, 10))), "done");
    assert_eq!(outcome(&chain.rotate(&rotation(1, 1005, 10))), "done");

    assert_eq!(chain.forget_salts(at(1009)), Some(at(1010)));
    assert_eq!(word(&chain.judge(digest(0), at(1009))), "window 0");
    assert_eq!(chain.forget_salts(at(1010)), Some(at(1015)));
    assert_eq!(word(&chain.judge(digest(0), at(1009))), "spent");
    assert_eq!(word(&chain.judge(digest(1), at(1009))), "window 1");
    assert_eq!(chain.forget_salts(at(1015)), None);
    assert_eq!(word(&chain.judge(digest(1), at(1009))), "spent");
}

#[test]
fn a_rotation_forgets_the_salts_of_windows_that_are_closed_by_then() {
    let mut chain = chain();
    assert_eq!(outcome(&chain.rotate(&rotation(0, 1000, 10))), "done");
    assert_eq!(outcome(&chain.rotate(&rotation(1, 1010, 0))), "done");
    assert_eq!(word(&chain.judge(digest(0), at(1009))), "spent");
    assert_eq!(chain.forget_salts(at(1000)), None);
}

#[test]
fn a_window_ends_with_the_access_token_at_the_latest() {
    let window = |secs| rotation(0, 1000, secs).window_ends_at();
    assert_eq!(window(0), at(1000));
    assert_eq!(window(49), at(1049));
    assert_eq!(window(50), at(1050));
    assert_eq!(window(51), at(1050));
}

#[test]
fn a_rotation_says_what_is_to_be_saved() {
    let rotation = rotation(3, 1000, 10);
    assert_eq!(rotation.now(), at(1000));
    assert_eq!(rotation.access(), TokenDigest::from_bytes([0x83; 32]));
    assert_eq!(rotation.session(), &session(1000, 1050));
}

#[test]
fn a_family_lasts_as_long_as_its_longest_token() {
    let mut family = family();
    assert_eq!(family.expires_at(), at(1100));
    assert_eq!(family.refreshed_at(), at(1000));

    assert_eq!(outcome(&family.rotate(&rotation(0, 1060, 0))), "done");
    assert_eq!(family.refreshed_at(), at(1060));
    assert_eq!(family.expires_at(), at(1160));
    assert_eq!(family.created_at(), at(1000));

    // The access token is the one that lasts.
    let rotation = Rotation::new(
        digest(1),
        digest(2),
        at(1100),
        digest(100),
        session(1070, 1500),
        salt(1),
    );
    assert_eq!(outcome(&family.rotate(&rotation)), "done");
    assert_eq!(family.expires_at(), at(1500));
    assert_eq!(family.chain().unwrap().expires_at(), at(1100));
}

#[test]
fn a_family_is_as_it_was_after_whatever_is_no_rotation() {
    let mut family = family();
    assert_eq!(outcome(&family.rotate(&rotation(0, 1000, 10))), "done");
    let before = format!("{family:?}");
    assert_eq!(outcome(&family.rotate(&rotation(0, 1005, 10))), "again 0");
    assert_eq!(outcome(&family.rotate(&rotation(0, 1010, 10))), "replay");
    assert_eq!(outcome(&family.rotate(&rotation(1, 1100, 10))), "unknown");
    assert_eq!(format!("{family:?}"), before);
}

#[test]
fn a_family_without_refresh_tokens_knows_none() {
    let id = FamilyId::from_bytes([7; 16]);
    let mut family = Family::new(id, Subject::new("meera").unwrap(), at(1000), at(1050));
    assert_eq!(outcome(&family.rotate(&rotation(0, 1000, 10))), "unknown");
    assert_eq!(family.forget_salts(at(1000)), None);
    assert_eq!(family.expires_at(), at(1050));
}

/// OWASP ASVS 16.2.5: a family may be logged as a whole.
#[test]
fn no_salt_shows_in_debug_output() {
    let mut family = family();
    let rotation = rotation(0, 1000, 10);
    assert_eq!(format!("{:?}", salt(0xab)), "Salt(..)");
    let shown = format!("{rotation:?}");
    assert!(shown.contains("salt: Salt(..)"), "{shown}");
    assert_eq!(outcome(&family.rotate(&rotation)), "done");
    let shown = format!("{family:?}");
    assert!(shown.contains("salt: Salt(..)"), "{shown}");
    let again = family.rotate(&rotation);
    assert_eq!(format!("{again:?}"), "Again(Salt(..))");
    let standing = family.chain().unwrap().judge(digest(0), at(1000));
    assert_eq!(format!("{standing:?}"), "InWindow(Salt(..))");
}

#[test]
fn a_salt_wipes_its_memory_when_dropped() {
    fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}
    wiped(&*Salt::generate().unwrap().0);
}
