//! Logins by number, and the two stores that are filled with them.

use std::hash::{BuildHasherDefault, Hasher};

use dashmap::DashMap;
use futures_util::FutureExt;
use tower_oauth2_password::{
    MemoryTokens,
    model::{Chain, Family, FamilyId, Scope, Session, Subject, Timestamp, TokenDigest},
    store::{Inserted, TokenStore},
};

/// Of an access token, and of a refresh token, in seconds.
pub const LIFETIME: u64 = 3_600;

/// What logins are like.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    Access,
    Alone,
    Refresh,
    Labelled,
}

impl Shape {
    pub const ALL: [Self; 4] = [Self::Access, Self::Alone, Self::Refresh, Self::Labelled];

    pub fn named(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|shape| shape.name() == name).unwrap()
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Alone => "alone",
            Self::Refresh => "refresh",
            Self::Labelled => "labelled",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Access => "An access token for each login",
            Self::Alone => "An access token for each login, one login for each user",
            Self::Refresh => "An access token and a refresh token for each login",
            Self::Labelled => "The same, and a browser's name as label",
        }
    }

    fn logins_per_user(self) -> u64 {
        if self == Self::Alone { 1 } else { 10 }
    }

    /// Tokens that one login makes.
    pub fn tokens(self) -> usize {
        match self {
            Self::Access | Self::Alone => 1,
            Self::Refresh | Self::Labelled => 2,
        }
    }
}

/// As random as a real digest (splitmix64), and known again.
pub fn digest(number: u64) -> TokenDigest {
    let mut bytes = [0; 32];
    let mut state = number.wrapping_mul(0xd134_2543_de82_ef95);
    for word in bytes.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&mixed(state).to_ne_bytes());
    }
    TokenDigest::from_bytes(bytes)
}

pub fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Whoever logs in.
pub struct Crowd {
    shape: Shape,
    subjects: Vec<Subject>,
    scope: Scope,
}

impl Crowd {
    pub fn new(shape: Shape, logins: usize) -> Self {
        let users = (logins as u64).div_ceil(shape.logins_per_user());
        let subjects = (0..users).map(|user| Subject::new(format!("user-{user:08}")).unwrap());
        Self {
            shape,
            subjects: subjects.collect(),
            scope: "items:read me".parse().unwrap(),
        }
    }

    fn subject(&self, number: u64) -> Subject {
        let users = self.subjects.len() as u64;
        self.subjects[usize::try_from(number % users).unwrap()].clone()
    }

    /// Login `number` at `now`.
    pub fn log_in(&self, tokens: &MemoryTokens, number: u64, now: u64) {
        let (subject, access) = (self.subject(number), digest(2 * number));
        let id = FamilyId::from_bytes(*digest(!number).as_bytes().first_chunk().unwrap());
        let (now, ends) = (
            Timestamp::from_secs(now),
            Timestamp::from_secs(now + LIFETIME),
        );
        let mut family = Family::new(id, subject.clone(), now, ends)
            .with_scope(self.scope.clone())
            .with_order(now.as_secs() * 1_000_000_000 + number % 1_000_000_000);
        if self.shape.tokens() > 1 {
            family = family.with_chain(Chain::new(digest(2 * number + 1), ends, ends));
        }
        if self.shape == Shape::Labelled {
            let label = format!(
                "Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101",
                number % 100
            );
            family = family.with_label(label);
        }
        let session = Session::new(subject, now, ends)
            .with_scope(self.scope.clone())
            .with_family(id);
        let inserted = tokens.insert(family, access, session).now_or_never();
        assert_eq!(inserted.unwrap().unwrap(), Inserted::Saved);
    }

    /// The token of login `number`, in the bare map.
    pub fn log_in_bare(&self, bare: &Bare, number: u64, now: u64) {
        let ends = Timestamp::from_secs(now + LIFETIME);
        let old = bare.insert(*digest(2 * number).as_bytes(), (self.subject(number), ends));
        assert!(old.is_none());
    }
}

pub type Bare = DashMap<[u8; 32], (Subject, Timestamp), BuildHasherDefault<FirstBytes>>;

/// A digest is its own hash.
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
