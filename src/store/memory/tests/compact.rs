//! Logins come back as they were saved, however odd, and room is given back.

use std::collections::BTreeSet;

use super::digest;
use crate::{
    model::{Chain, ClientId, Family, FamilyId, Session, Subject, Timestamp, TokenDigest},
    store::{
        Inserted, TokenStore,
        memory::{
            MemoryTokens,
            entries::Entries,
            free::Free,
            list::List,
            place::Place,
            record::{Number, Record},
            slab::{Next, Slab},
            terms::{AllTerms, Terms},
        },
    },
};

const NOON: Timestamp = Timestamp::from_secs(43_200);
const LATER: Timestamp = Timestamp::from_secs(50_000);
const NEVER: Timestamp = Timestamp::from_secs(u64::MAX);

fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

fn id(number: u8) -> FamilyId {
    FamilyId::from_bytes([number; 16])
}

/// Saves both and finds them again.
async fn assert_comes_back(family: Family, access: TokenDigest, session: Session) {
    let tokens = MemoryTokens::new();
    let (id, owner, expected) = (family.id(), family.subject().clone(), format!("{family:?}"));
    let inserted = tokens.insert(family, access, session.clone()).await;
    assert_eq!(inserted.unwrap(), Inserted::Saved);
    assert_eq!(tokens.find_access(access).await.unwrap(), Some(session));
    let found = tokens.find_family(id).await.unwrap().unwrap();
    assert_eq!(format!("{found:?}"), expected);
    let listed = tokens.find_families(&owner).await.unwrap();
    assert_eq!(listed.iter().map(Family::id).collect::<Vec<_>>(), [id]);
    assert_eq!(tokens.revoke_subject(&owner).await.unwrap(), 1);
    assert_eq!(tokens.find_access(access).await.unwrap(), None);
}

#[tokio::test]
async fn a_login_comes_back_as_it_was_saved_whatever_its_token_says() {
    let plain = || Family::new(id(1), subject("meera"), NOON, LATER);
    let session = || Session::new(subject("meera"), NOON, LATER).with_family(id(1));
    let chain = || Chain::new(digest(9), LATER, NEVER);
    let web = Some(ClientId::new("web").unwrap());
    let order = 43_200 * 1_000_000_000 + 999_999_999;
    let families = [
        plain(),
        plain().with_order(order),
        plain().with_order(7),
        plain().with_order(u64::MAX),
        plain().with_chain(chain()),
        plain()
            .with_chain(chain())
            .with_order(order)
            .with_label("Firefox"),
        plain().with_label("Firefox").with_order(order),
        plain().with_refreshed_at(LATER).with_order(order),
        plain().with_client(web.clone()),
        plain().with_scope("me".parse().unwrap()),
        Family::new(id(1), subject("arjun"), NOON, LATER).with_order(order),
        Family::new(id(1), subject("meera"), LATER, NEVER).with_label("Firefox"),
        Family::new(id(1), subject("meera"), NOON, NEVER).with_order(order),
    ];
    for family in families {
        assert_comes_back(family, digest(1), session()).await;
    }
    let sessions = [
        Session::new(subject("meera"), NOON, LATER),
        session().with_family(id(2)),
        session().with_client(web),
        Session::new(subject("meera"), NEVER, NEVER).with_family(id(1)),
        Session::new(subject("meera"), Timestamp::from_secs(u64::MAX - 1), NEVER),
        Session::new(subject("meera"), LATER, NOON),
    ];
    for session in sessions {
        assert_comes_back(plain(), digest(1), session).await;
    }
}

#[test]
fn terms_are_there_once_until_the_last_record_has_gone() {
    let session = Session::new(subject("meera"), NOON, LATER).with_family(id(1));
    let of = |label: &str| Terms::of(&session, id(1), Some(label));
    let mut all = AllTerms::new();
    let firefox = all.share(of("Firefox"));
    let chrome = all.share(of("Chrome"));
    assert_ne!(firefox, chrome);
    assert_eq!(all.share(of("Firefox")), firefox);

    assert!(all.release(firefox).is_none());
    assert!(all.get(firefox) == Some(&of("Firefox")));
    assert!(all.release(firefox) == Some(of("Firefox")));
    assert!(all.get(firefox).is_none());
    assert!(all.get(chrome) == Some(&of("Chrome")));
    // The number is free for others.
    assert_eq!(all.share(of("Safari")), firefox);
    assert_ne!(all.share(of("Firefox")), firefox);
}

/// What a record names goes with it, so that the next one gets the same numbers.
#[test]
fn nothing_of_a_record_stays() {
    let session = Session::new(subject("meera"), NOON, LATER).with_family(id(1));
    let mut entries = Entries::new();
    for label in ["Firefox", "Chrome", "Safari"] {
        let family = Family::new(id(1), subject("meera"), NOON, LATER)
            .with_chain(Chain::new(digest(9), LATER, NEVER))
            .with_label(label);
        let number = entries.insert_login(family, digest(1), &session);
        let record = entries.record(number).unwrap();
        assert_eq!(number, 0);
        assert_eq!(record.terms(), Number::new(0));
        assert_eq!(record.more(), Some(Number::new(0)));
        assert!(entries.remove(number).is_some());
    }
}

/// Two lines of a processor's cache at most, and most of what a login takes.
#[test]
fn a_record_takes_eighty_bytes_at_most() {
    assert!(size_of::<Option<Record>>() <= 80);
}

#[test]
fn a_slab_gives_a_free_place_again_and_the_room_of_a_crowd_back() {
    let mut slab = Slab::new();
    for value in 0..3_000 {
        assert_eq!(slab.next(), Some(value));
        slab.insert(value);
    }
    assert_eq!(slab.remove(1_000), Some(1_000));
    assert_eq!(slab.remove(1_000), None);
    assert_eq!(slab.get(1_000), None);
    assert_eq!(slab.next(), Some(1_000));
    slab.insert(7);
    assert_eq!(slab.get(1_000), Some(&7));

    for number in 100..2_500 {
        slab.remove(number);
    }
    assert!(matches!(slab.next_from(99), Next::Value(99)));
    assert!(matches!(slab.next_from(100), Next::NotBefore(1_124)));
    assert!(matches!(slab.next_from(2_000), Next::Value(2_500)));
    for number in 2_500..3_000 {
        slab.remove(number);
    }
    assert!(matches!(slab.next_from(2_400), Next::Nothing));
    slab.shrink();
    assert!(matches!(slab.next_from(100), Next::Nothing));
    assert_eq!(slab.next(), Some(100));
    for value in 0..100 {
        assert_eq!(slab.get(value), Some(&value));
    }
}

/// After a crowd there are always some who came while it left.
#[test]
fn a_slab_gives_the_room_of_a_crowd_back_while_values_come_and_go() {
    let mut slab = Slab::new();
    for value in 0..3_000 {
        slab.insert(value);
    }
    for number in 0..3_000 {
        slab.remove(number);
        if number % 1_000 == 999 {
            slab.insert(number);
        }
    }
    // They have the first places, and so the end is free.
    for (number, value) in [(0, 999), (1, 1_999), (2, 2_999)] {
        assert_eq!(slab.get(number), Some(&value));
    }
    slab.shrink();
    assert!(matches!(slab.next_from(3), Next::Nothing));
    assert_eq!(slab.next(), Some(3));
}

/// Others wait meanwhile, so there is a limit to what is given back at once.
#[test]
fn a_slab_gives_the_room_of_a_large_crowd_back_by_and_by() {
    let mut slab = Slab::new();
    for value in 0..40_000 {
        slab.insert(value);
    }
    for number in 1..40_000 {
        slab.remove(number);
    }
    let left = 40_000 - (1 << 15);
    slab.shrink();
    assert!(matches!(slab.next_from(left), Next::Nothing));
    assert!(matches!(slab.next_from(left - 2_000), Next::NotBefore(_)));
    slab.shrink();
    assert!(matches!(slab.next_from(1), Next::Nothing));
    assert_eq!(slab.get(0), Some(&0));
}

#[test]
fn a_list_holds_each_place_once_however_many_there_are() {
    let place = Place::from_bits;
    let mut list = List::of(place(0), place(1));
    for number in 2..200 {
        list.push(place(number));
    }
    let mut all: Vec<_> = list.to_vec().into_iter().map(Place::to_bits).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200));
    for number in 0..200 {
        assert!(list.contains(place(number)));
        list.remove(place(number));
        assert!(!list.contains(place(number)));
        assert_eq!(list.any().is_some(), number < 199);
        assert_eq!(list.is_empty(), number == 199);
    }
}

/// Beside a set that looks at everything.
#[test]
fn the_lowest_free_number_is_given_out() {
    let (mut free, mut all) = (Free::default(), BTreeSet::new());
    let mut state = 1_u64;
    for round in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let number = u32::try_from(state >> 54).unwrap();
        if state % 5 < 3 && all.insert(number) {
            free.give(number);
        } else if round % 7 == 0 {
            assert_eq!(free.take(), all.pop_first());
        } else if round % 501 == 0 {
            free.truncate(number as usize);
            all.retain(|other| *other < number);
        }
        assert_eq!(free.lowest(), all.first().copied());
        assert_eq!(free.len(), all.len());
    }
}
