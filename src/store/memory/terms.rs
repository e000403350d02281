//! What many records have in common.

use std::{collections::hash_map::RandomState, hash::BuildHasher, sync::Arc};

use super::{index::Index, record::Number, slab::Slab};
use crate::model::{ClientId, FamilyId, Scope, Session, Timestamp};

/// What the sessions of many logins have in common, so that each needs no room for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Terms {
    pub(super) client: Option<ClientId>,
    pub(super) scope: Scope,
    pub(super) label: Option<Arc<str>>,
    pub(super) belongs: Belongs,
    /// The upper half of the time of issue.
    era: u32,
    /// From issue to expiry. Wraps around, so that any two times can be written down.
    seconds: u64,
}

/// The login that a session names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Belongs {
    /// That with which it was saved.
    Here,
    Nowhere,
    Elsewhere(FamilyId),
}

impl Terms {
    pub(super) fn of(session: &Session, family: FamilyId, label: Option<&str>) -> Self {
        let issued = session.issued_at().as_secs();
        Self {
            client: session.client().cloned(),
            scope: session.scope().clone(),
            label: label.map(Arc::from),
            belongs: match session.family() {
                Some(own) if own == family => Belongs::Here,
                Some(other) => Belongs::Elsewhere(other),
                None => Belongs::Nowhere,
            },
            era: halves(issued).0,
            seconds: session.expires_at().as_secs().wrapping_sub(issued),
        }
    }

    /// `second` is the lower half.
    pub(super) fn issued_at(&self, second: u32) -> Timestamp {
        Timestamp::from_secs(u64::from(self.era) << 32 | u64::from(second))
    }

    pub(super) fn expires_at(&self, second: u32) -> Timestamp {
        Timestamp::from_secs(self.issued_at(second).as_secs().wrapping_add(self.seconds))
    }
}

/// The upper and the lower half of a number.
#[expect(clippy::cast_possible_truncation, reason = "a half is what is left")]
pub(super) fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

/// The terms of all records of a part, each once.
pub(super) struct AllTerms {
    counted: Slab<Counted>,
    /// The numbers in `counted`.
    index: Index<u32>,
    hasher: RandomState,
}

struct Counted {
    terms: Terms,
    /// How many records have them.
    records: u32,
}

impl AllTerms {
    pub(super) fn new() -> Self {
        Self {
            counted: Slab::new(),
            index: Index::new(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn get(&self, number: Number) -> Option<&Terms> {
        self.counted.get(number.get()).map(|counted| &counted.terms)
    }

    /// The number of `terms`, which one more record has.
    pub(super) fn share(&mut self, terms: Terms) -> Number {
        let hash = self.hash_of(&terms);
        let is_it = |number| self.get(Number::new(number)) == Some(&terms);
        if let Some(number) = self.index.find(hash, is_it) {
            if let Some(counted) = self.counted.get_mut(number) {
                counted.records += 1;
            }
            return Number::new(number);
        }
        let number = self.counted.insert(Counted { terms, records: 1 });
        self.index.insert(hash, number);
        Number::new(number)
    }

    /// Takes note that a record has gone. Returns what nobody has any more.
    pub(super) fn release(&mut self, number: Number) -> Option<Terms> {
        let number = number.get();
        let counted = self.counted.get_mut(number)?;
        counted.records -= 1;
        if counted.records > 0 {
            return None;
        }
        let Counted { terms, .. } = self.counted.remove(number)?;
        self.index.replace(self.hash_of(&terms), number, None);
        Some(terms)
    }

    pub(super) fn shrink(&mut self) {
        self.counted.shrink();
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one too")]
    fn hash_of(&self, terms: &Terms) -> u32 {
        self.hasher.hash_one(terms) as u32
    }
}
