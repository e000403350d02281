//! What many records have in common.

use std::{collections::hash_map::RandomState, hash::BuildHasher, sync::Arc};

use hashbrown::HashTable;

use crate::model::{ClientId, FamilyId, Scope, Session, Timestamp};

/// How many of them are remembered for those to come.
const REMEMBERED: usize = 4_096;

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

/// The terms that came up lately, each once.
pub(super) struct Recent {
    terms: HashTable<Arc<Terms>>,
    hasher: RandomState,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            terms: HashTable::new(),
            hasher: RandomState::new(),
        }
    }

    /// Forgets those that no record has any more.
    pub(super) fn forget_unused(&mut self) {
        self.terms.retain(|terms| Arc::strong_count(terms) > 1);
    }

    /// The same terms, shared if they came up lately.
    pub(super) fn share(&mut self, terms: Terms) -> Arc<Terms> {
        let hash = self.hasher.hash_one(&terms);
        if let Some(known) = self.terms.find(hash, |known| **known == terms) {
            return Arc::clone(known);
        }
        // Labels are what clients say, so there may be no end of them.
        if self.terms.len() >= REMEMBERED {
            self.terms.clear();
        }
        let terms = Arc::new(terms);
        let hash_of = |terms: &Arc<Terms>| self.hasher.hash_one(&**terms);
        self.terms.insert_unique(hash, Arc::clone(&terms), hash_of);
        terms
    }
}
