use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    entries::{Entries, Remains},
    index::Index,
    list::List,
    lock::{Lock, PARTS},
    parts::{Added, Records},
    place::Place,
    record::Entry,
    subjects::Subjects,
};
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, Timestamp, TokenDigest},
    store::{Inserted, StoreError},
};

/// How many closed windows one call clears away, so that a crowd of them delays nobody.
const CLEARED_PER_CALL: usize = 16;

// Whoever changes a login, or looks at it as a whole, holds the lock of its part of `families`
// meanwhile, and takes the others under it: one of `subjects`, and under that, or alone, one of
// `records`. That of the windows is taken alone.
/// What all clones of a store have in common.
pub(super) struct Shared {
    pub(super) records: Records,
    /// Where logins are, by their ids.
    pub(super) families: Box<[Lock<Index<Place>>]>,
    pub(super) subjects: Subjects,
    /// When open windows close, and whose they are. The next to close is the first.
    windows: Mutex<BinaryHeap<Reverse<(Timestamp, FamilyId)>>>,
}

/// What is left of a login, and of the list of its user's.
type Ended = (Remains, Option<List>);

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            records: Records::new(),
            families: (0..PARTS).map(|_| Lock::new(Index::new())).collect(),
            subjects: Subjects::new(),
            windows: Mutex::default(),
        }
    }

    pub(super) fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: &Session,
    ) -> Result<Inserted, StoreError> {
        let now = session.issued_at();
        let (id, subject) = (family.id(), family.subject().clone());
        let mut part = self.part(id).write();
        if let Some(place) = self.place(&part, id) {
            let over = self.records.read(place, |login| login.is_over_at(now));
            if over != Some(true) {
                return Ok(Inserted::Taken);
            }
            self.end(&mut part, id, place);
        }
        let login = |entries: &mut Entries| entries.insert_login(family, access, session);
        let place = match self.records.add(&access, now, login) {
            Added::At(place) => place,
            Added::Taken => return Ok(Inserted::Taken),
            Added::Full => return Err(StoreError::new("there is no room for more logins")),
        };
        part.insert(hash_of(id), place);
        let is_of = |place| self.owns(&subject, place);
        self.subjects.add(&subject, place, is_of);
        drop(part);
        self.clear_away(now);
        Ok(Inserted::Saved)
    }

    pub(super) fn rotate(&self, id: FamilyId, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotated = self.rotate_alone(id, rotation)?;
        if let Rotated::Done = rotated {
            if rotation.window_ends_at() > rotation.now() {
                self.windows()
                    .push(Reverse((rotation.window_ends_at(), id)));
            }
            self.clear_away(rotation.now());
        }
        Ok(rotated)
    }

    fn rotate_alone(&self, id: FamilyId, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let mut part = self.part(id).write();
        let Some(place) = self.place(&part, id) else {
            return Ok(Rotated::Unknown);
        };
        let Some(mut family) = self.records.read(place, |login| login.family()) else {
            return Ok(Rotated::Unknown);
        };
        let rotated = family.rotate(rotation);
        match rotated {
            Rotated::Done => {}
            Rotated::Replay => {
                self.end(&mut part, id, place);
                return Ok(rotated);
            }
            _ => return Ok(rotated),
        }
        let (access, session) = (rotation.access(), rotation.session());
        let later = |entries: &mut Entries| entries.insert_later(id, access, session);
        let later = match self.records.add(&access, rotation.now(), later) {
            Added::At(later) => later,
            Added::Taken => return Ok(Rotated::Unknown),
            Added::Full => return Err(StoreError::new("there is no room for more tokens")),
        };
        let oldest = self.records.update(place, |entries, number| {
            entries.keep(number, family);
            entries.add_later(number, later);
            entries.oldest_too_many(number, place)
        });
        if let Some(oldest) = oldest {
            self.records.revoke_at(oldest, id);
        }
        Ok(rotated)
    }

    pub(super) fn revoke_family(&self, id: FamilyId) -> bool {
        let mut part = self.part(id).write();
        let place = self.place(&part, id);
        let remains = place.and_then(|place| self.end(&mut part, id, place));
        drop(part);
        remains.is_some()
    }

    pub(super) fn revoke_subject(&self, subject: &Subject) -> usize {
        let families = self.families_of(subject);
        let revoked = |family: &Family| self.revoke_family(family.id());
        families.iter().filter(|family| revoked(family)).count()
    }

    pub(super) fn find_family(&self, id: FamilyId) -> Option<Family> {
        let part = self.part(id).read();
        let place = self.place(&part, id)?;
        self.records.read(place, |login| login.family())
    }

    pub(super) fn families_of(&self, subject: &Subject) -> Vec<Family> {
        let places = self
            .subjects
            .get(subject, |place| self.owns(subject, place));
        // In between, a login may have ended and its place been given to another user's.
        let family = |login: Entry<'_>| {
            let is_theirs = login.record.is_login() && login.owner() == subject;
            is_theirs.then(|| login.family())
        };
        let family = |place| self.records.read(place, family).flatten();
        places.into_iter().filter_map(family).collect()
    }

    fn owns(&self, subject: &Subject, place: Place) -> bool {
        let owner = self.records.read(place, |login| login.owner() == subject);
        owner == Some(true)
    }

    pub(super) fn part(&self, id: FamilyId) -> &Lock<Index<Place>> {
        &self.families[usize::from(id.as_bytes()[15]) % PARTS]
    }

    pub(super) fn place(&self, part: &Index<Place>, id: FamilyId) -> Option<Place> {
        part.find(hash_of(id), |place| self.records.id(place) == Some(id))
    }

    /// Revokes a login and all its tokens, while its part is locked. What remains of it, if it was
    /// there, is best dropped when the lock is free again: the allocator takes its time now and then.
    fn end(&self, part: &mut Index<Place>, id: FamilyId, place: Place) -> Option<Ended> {
        let seen = |login: Entry<'_>| (login.owner().clone(), login.later_tokens().to_vec());
        let (owner, later) = self.records.read(place, seen)?;
        // The tokens first: whoever finds no login any more, must find no token either.
        self.records.revoke_at(place, id);
        for later in later {
            self.records.revoke_at(later, id);
        }
        // The record last, so that nobody takes another login at this place for one of this user's.
        let list = self.subjects.remove(&owner, place);
        part.replace(hash_of(id), place, None);
        Some((self.records.remove(place)?, list))
    }

    /// Clears away some of what is over.
    fn clear_away(&self, now: Timestamp) {
        for id in self.records.sweep(now) {
            let mut part = self.part(id).write();
            let Some(place) = self.place(&part, id) else {
                continue;
            };
            // A refresh may have come in between.
            let over = self.records.read(place, |login| login.is_over_at(now));
            let is_over = over == Some(true);
            let remains = is_over.then(|| self.end(&mut part, id, place));
            drop(part);
            drop(remains);
        }
        self.forget_salts(now);
    }

    fn forget_salts(&self, now: Timestamp) {
        let mut closed = Vec::new();
        let mut windows = self.windows();
        while closed.len() < CLEARED_PER_CALL {
            match windows.peek() {
                Some(Reverse((until, id))) if *until <= now => closed.push(*id),
                _ => break,
            }
            windows.pop();
        }
        drop(windows);
        for id in closed {
            let part = self.part(id).write();
            if let Some(place) = self.place(&part, id) {
                self.records
                    .update(place, |entries, number| entries.forget_salts(number, now));
            }
        }
    }

    pub(super) fn windows(&self) -> MutexGuard<'_, BinaryHeap<Reverse<(Timestamp, FamilyId)>>> {
        // Nothing here panics half-way, so the heap is whole even if a thread has died.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id is random already.
fn hash_of(id: FamilyId) -> u32 {
    let [a, b, c, d, ..] = *id.as_bytes();
    u32::from_ne_bytes([a, b, c, d])
}
