//! All records, in parts, by the digest of their access token.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    entries::{Entries, Remains},
    index::Index,
    lock::{READ_PARTS, ReadMostly},
    place::Place,
    record::{Entry, Record},
    slab::{Next, PASSED},
};
use crate::model::{FamilyId, Session, Timestamp, TokenDigest};

/// How many records each login or refresh looks at. With 16, n of them have been looked at after
/// n/16 logins and refreshes, which bounds what an expired one can hold back.
const SWEPT_PER_ADDED: usize = 16;
/// The number of parts is a power of two.
#[expect(clippy::cast_possible_truncation, reason = "there are few")]
const LAST_PART: u8 = (READ_PARTS - 1) as u8;
/// How many indexes each part has, so that none gets so large that it takes long to grow.
const INDEXES: usize = 8;

/// Whether a record was added.
pub(super) enum Added {
    At(Place),
    /// The digest belongs to another one.
    Taken,
    Full,
}

/// One of them; its lock is held for a single record, or those of one step of a sweep.
// In this order, what a look-up needs is next to the lock.
#[repr(C)]
struct Part {
    entries: Entries,
    /// The good access tokens.
    good: [Index<u32>; INDEXES],
    /// How far the sweep has come.
    swept: usize,
}

pub(super) struct Records {
    parts: Box<[ReadMostly<Part>]>,
    good: AtomicUsize,
    /// The part that is swept, modulo the number of parts.
    sweeping: AtomicUsize,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            parts: (0..READ_PARTS)
                .map(|_| ReadMostly::new(Part::new()))
                .collect(),
            good: AtomicUsize::new(0),
            sweeping: AtomicUsize::new(0),
        }
    }

    /// The number of good access tokens, expired ones that are not yet swept out among them.
    pub(super) fn good(&self) -> usize {
        self.good.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, access: &TokenDigest) -> Option<Session> {
        let part = self.parts[usize::from(part_of(access))].read();
        let number = part.find(access)?;
        part.entries.get(number).map(Entry::session)
    }

    /// Adds the record that `insert` inserts, unless there is a good token of that digest which has
    /// not expired at `now`.
    pub(super) fn add(
        &self,
        access: &TokenDigest,
        now: Timestamp,
        insert: impl FnOnce(&mut Entries) -> u32,
    ) -> Added {
        let part_number = part_of(access);
        let mut part = self.parts[usize::from(part_number)].write();
        if let Some(known) = part.find(access) {
            let known_entry = part.entries.get(known);
            if known_entry.is_some_and(|known| !known.is_expired_at(now)) {
                return Added::Taken;
            }
            part.spoil(known);
            self.good.fetch_sub(1, Ordering::Relaxed);
        }
        if part.entries.is_full() {
            return Added::Full;
        }
        let number = insert(&mut part.entries);
        part.good[index_of(access)].insert(hash_of(access), number);
        self.good.fetch_add(1, Ordering::Relaxed);
        Added::At(Place::new(part_number, number))
    }

    /// Revokes the token of a digest. Says whether there was one.
    pub(super) fn revoke(&self, access: &TokenDigest) -> bool {
        let mut part = self.parts[usize::from(part_of(access))].write();
        let Some(number) = part.find(access) else {
            return false;
        };
        part.spoil(number);
        self.good.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Revokes the token at `place`, if it is one of `family`.
    pub(super) fn revoke_at(&self, place: Place, family: FamilyId) {
        let mut part = self.parts[place.part()].write();
        let its = |record: &Record| record.id() == family && record.is_good();
        if part.entries.record(place.number()).is_some_and(its) {
            part.spoil(place.number());
            self.good.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read<R>(&self, place: Place, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let part = self.parts[place.part()].read();
        part.entries.get(place.number()).map(read)
    }

    pub(super) fn id(&self, place: Place) -> Option<FamilyId> {
        let part = self.parts[place.part()].read();
        part.entries.record(place.number()).map(Record::id)
    }

    /// Has `change` change what is at `place`, by its number.
    pub(super) fn update<R>(&self, place: Place, change: impl FnOnce(&mut Entries, u32) -> R) -> R {
        let mut part = self.parts[place.part()].write();
        change(&mut part.entries, place.number())
    }

    /// Takes out a login whose access token is revoked, if it is there.
    pub(super) fn remove(&self, place: Place) -> Option<Remains> {
        let mut part = self.parts[place.part()].write();
        part.entries.remove(place.number())
    }

    /// Takes a step of the sweep: drops the access tokens that have expired at `now`, and names
    /// the logins that are over.
    pub(super) fn sweep(&self, now: Timestamp) -> Vec<FamilyId> {
        let sweeping = self.sweeping.load(Ordering::Relaxed);
        let mut part = self.parts[sweeping % READ_PARTS].write();
        let mut over = Vec::new();
        let spoiled = part.sweep(now, &mut over);
        self.good.fetch_sub(spoiled, Ordering::Relaxed);
        if part.swept == 0 {
            // Unless another thread has gone on already.
            let next = sweeping.wrapping_add(1);
            self.sweeping
                .compare_exchange(sweeping, next, Ordering::Relaxed, Ordering::Relaxed)
                .ok();
        }
        over
    }
}

impl Part {
    fn new() -> Self {
        Self {
            entries: Entries::new(),
            good: [(); INDEXES].map(|()| Index::new()),
            swept: 0,
        }
    }

    fn find(&self, access: &TokenDigest) -> Option<u32> {
        let is_it = |number: u32| {
            let record = self.entries.record(number);
            record.is_some_and(|record| record.digest() == access)
        };
        self.good[index_of(access)].find(hash_of(access), is_it)
    }

    /// Takes a good token out of the index.
    fn unlist(&mut self, number: u32) {
        if let Some(record) = self.entries.record(number) {
            let digest = record.digest();
            self.good[index_of(digest)].replace(hash_of(digest), number, None);
        }
    }

    /// Ends a good token. A login that came with it stays.
    fn spoil(&mut self, number: u32) {
        self.unlist(number);
        match self.entries.record_mut(number) {
            Some(record) if record.is_login() => record.spoil(),
            _ => drop(self.entries.remove(number)),
        }
    }

    /// Says how many tokens it has ended.
    fn sweep(&mut self, now: Timestamp, over: &mut Vec<FamilyId>) -> usize {
        let mut spoiled = 0;
        let last = self.swept + PASSED;
        for _ in 0..SWEPT_PER_ADDED {
            if self.swept > last {
                break;
            }
            let number = match self.entries.next_from(self.swept) {
                Next::Value(number) => number,
                Next::NotBefore(number) => {
                    self.swept = number;
                    break;
                }
                Next::Nothing => {
                    self.swept = 0;
                    self.entries.shrink();
                    break;
                }
            };
            self.swept = number + 1;
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let Some(entry) = self.entries.get(number) else {
                continue;
            };
            let record = entry.record;
            if record.is_login() && entry.is_over_at(now) {
                // It goes as a whole.
                over.push(record.id());
            } else if record.is_good() && entry.is_expired_at(now) {
                self.spoil(number);
                spoiled += 1;
            }
        }
        spoiled
    }
}

/// A digest is random already: its first four bytes are its hash, and its last two say which part
/// it belongs to, and which index there.
fn hash_of(digest: &TokenDigest) -> u32 {
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

fn index_of(digest: &TokenDigest) -> usize {
    usize::from(digest.as_bytes()[30]) % INDEXES
}

fn part_of(digest: &TokenDigest) -> u8 {
    digest.as_bytes()[31] & LAST_PART
}
