//! A chain of refresh tokens as a store hands it back: read to the letter or refused, and a
//! refresh of whatever was read keeps it readable. The first byte is the length of the head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::model::{
    Chain, Family, FamilyId, Rotated, Rotation, Salt, Session, Standing, Subject, Timestamp,
    TokenDigest,
};

fn round_trip(chain: &Chain) -> Chain {
    let (head, windows) = (chain.to_bytes(), chain.windows_to_bytes());
    let read = Chain::from_bytes(&head, &windows).unwrap();
    assert_eq!((read.to_bytes(), read.windows_to_bytes()), (head, windows));
    read
}

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first() else {
        return;
    };
    let (head, windows) = rest.split_at(rest.len().min(usize::from(*length)));
    let chain = Chain::from_bytes(head, windows);
    let readable = head.len() == 49 && head[0] == 1;
    let whole = windows.len() % 72 == 0 && windows.len() <= 8 * 72;
    assert_eq!(chain.is_ok(), readable && whole);
    let Ok(chain) = chain else {
        return;
    };
    assert_eq!(
        (&*chain.to_bytes(), &**chain.windows_to_bytes()),
        (head, windows)
    );
    assert_eq!(chain.windows_end_at().is_some(), !windows.is_empty());

    let noon = Timestamp::from_secs(43_200);
    let (subject, next) = (Subject::new("x").unwrap(), TokenDigest::from_bytes([9; 32]));
    let end = Timestamp::from_secs(43_260);
    let session = Session::new(subject.clone(), noon, end);
    let salt = Salt::generate().unwrap();
    let rotation = Rotation::new(chain.current(), next, end, next, session, salt)
        .with_window_until(Timestamp::from_secs(43_210));
    let good = matches!(chain.judge(chain.current(), noon), Standing::Current);
    assert_eq!(good, noon < chain.expires_at());
    let id = FamilyId::from_bytes([7; 16]);
    let mut family = Family::new(id, subject, noon, end).with_chain(chain.clone());
    let rotated = family.rotate(&rotation);
    assert_eq!(good, matches!(rotated, Rotated::Done));
    let after = round_trip(family.chain().unwrap());
    if good {
        assert_eq!(after.current(), next);
        assert!(after.expires_at() <= after.ends_at());
        let seen = after.judge(chain.current(), noon);
        assert!(chain.current() == next || matches!(seen, Standing::InWindow(_)));
        assert!(after.windows_to_bytes().len() <= 8 * 72);
    }
    family.forget_salts(Timestamp::from_secs(u64::MAX));
    assert!(family.chain().unwrap().windows_to_bytes().is_empty());
});
