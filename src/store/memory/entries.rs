//! The records of a part, and what they name.

use super::{
    place::Place,
    record::{Entry, More, Number, Record, Rest},
    slab::{Next, Slab},
    terms::{AllTerms, Terms},
};
use crate::model::{Family, FamilyId, Session, Timestamp, TokenDigest};

/// Records by number.
// In this order, what a look-up needs is next to each other.
#[repr(C)]
pub(super) struct Entries {
    records: Slab<Record>,
    terms: AllTerms,
    more: Slab<More>,
}

/// What is left of a record.
#[expect(dead_code, reason = "it is there to be dropped")]
pub(super) struct Remains {
    record: Record,
    terms: Option<Terms>,
    more: Option<More>,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            records: Slab::new(),
            terms: AllTerms::new(),
            more: Slab::new(),
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<Entry<'_>> {
        let record = self.records.get(number)?;
        Some(Entry {
            record,
            terms: self.terms.get(record.terms())?,
            mores: &self.more,
        })
    }

    /// What is in the record alone.
    pub(super) fn record(&self, number: u32) -> Option<&Record> {
        self.records.get(number)
    }

    pub(super) fn record_mut(&mut self, number: u32) -> Option<&mut Record> {
        self.records.get_mut(number)
    }

    /// Whether no further record has a place.
    pub(super) fn is_full(&self) -> bool {
        !self.records.next().is_some_and(Place::fits)
    }

    /// Adds a login and its first access token, which is good. Returns its number.
    pub(super) fn insert_login(
        &mut self,
        family: Family,
        digest: TokenDigest,
        session: &Session,
    ) -> u32 {
        let record = self.good(family.id(), family.label(), digest, session);
        let number = self.records.insert(record.with_login(&family));
        self.keep(number, family);
        number
    }

    /// Adds a later access token of `family`, which is good. Returns its number.
    pub(super) fn insert_later(
        &mut self,
        family: FamilyId,
        digest: TokenDigest,
        session: &Session,
    ) -> u32 {
        let record = self.good(family, None, digest, session);
        self.records.insert(record)
    }

    fn good(
        &mut self,
        family: FamilyId,
        label: Option<&str>,
        digest: TokenDigest,
        session: &Session,
    ) -> Record {
        let terms = self.terms.share(Terms::of(session, family, label));
        Record::good(family, digest, session, terms)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Remains> {
        let record = self.records.remove(number)?;
        let more = record.more().and_then(|more| self.more.remove(more.get()));
        let terms = self.terms.release(record.terms());
        Some(Remains {
            record,
            terms,
            more,
        })
    }

    /// Takes what became of a login.
    pub(super) fn keep(&mut self, number: u32, family: Family) {
        let rest = self.get(number).and_then(|entry| entry.rest_of(family));
        let Some(rest) = rest else {
            return;
        };
        match self.more_mut(number) {
            Some(more) => more.rest = rest,
            None => self.add_more(number, rest),
        }
    }

    fn add_more(&mut self, number: u32, rest: Rest) {
        let Some(record) = self.records.get_mut(number) else {
            return;
        };
        let more = self.more.insert(More { rest, later: None });
        record.set_more(Number::new(more));
    }

    /// Forgets the salts of windows that are closed at `now`.
    pub(super) fn forget_salts(&mut self, number: u32, now: Timestamp) {
        if let Some(entry) = self.get(number) {
            let mut family = entry.family();
            family.forget_salts(now);
            self.keep(number, family);
        }
    }

    /// Adds a later access token to a login, which was saved at `place`.
    pub(super) fn add_later(&mut self, number: u32, place: Place) {
        let more = self.more_mut(number);
        debug_assert!(more.is_some(), "who was refreshed has a chain");
        if let Some(more) = more {
            let later = more.later.get_or_insert_default();
            // Whoever was there before is gone.
            later.retain(|other| *other != place);
            later.push(place);
        }
    }

    /// If a login, which is at `own`, has too many access tokens, the oldest, which has to go.
    pub(super) fn oldest_too_many(&mut self, number: u32, own: Place) -> Option<Place> {
        let first = usize::from(self.record(number)?.is_good());
        let later = self.more_mut(number)?.later.as_mut()?;
        if first + later.len() <= Family::MAX_ACCESS_TOKENS {
            return None;
        }
        if first == 1 {
            return Some(own);
        }
        Some(later.remove(0))
    }

    fn more_mut(&mut self, number: u32) -> Option<&mut More> {
        let more = self.record(number)?.more()?;
        self.more.get_mut(more.get())
    }

    pub(super) fn next_from(&self, start: usize) -> Next {
        self.records.next_from(start)
    }

    /// Gives back room that a crowd has left.
    pub(super) fn shrink(&mut self) {
        self.records.shrink();
        self.terms.shrink();
        self.more.shrink();
    }
}
