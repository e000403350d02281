use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dashmap::DashMap;

use super::parts::Parts;
use crate::{
    model::{Family, FamilyId, Rotated, Rotation, Session, Subject, Timestamp, TokenDigest},
    store::{Inserted, StoreError, TokenStore, digest::DigestState},
};

/// How many closed windows one call clears away, so that a crowd of them delays nobody.
const CLEARED_PER_CALL: usize = 16;

/// Logins in memory: quick, and gone with the process.
///
/// What has expired goes by itself. Logins and refreshes sweep a small part of the others in
/// turn, so no background task is needed and none of them takes long: a store that holds `n`
/// sessions has been swept whole after `n/8 + 256` of them.
///
/// The salt of a grace window is forgotten with the logins and refreshes, of whomever, after the
/// window has closed: each of them clears away up to 16.
///
/// Time is what the newest session says in [`Session::issued_at`].
///
/// A clone is the same store.
#[derive(Clone)]
pub struct MemoryTokens {
    shared: Arc<Shared>,
}

// A lock of `families` may be held while one of `sessions` is taken, never the other way round.
// The other two are held alone.
struct Shared {
    sessions: Parts<TokenDigest, Session>,
    families: Parts<FamilyId, Record>,
    subjects: DashMap<Subject, HashSet<FamilyId, DigestState>>,
    /// When open windows close, and whose they are. The next to close is the first.
    windows: Mutex<BinaryHeap<Reverse<(Timestamp, FamilyId)>>>,
}

struct Record {
    family: Family,
    /// The newest access tokens, the oldest first; older ones are gone.
    access: VecDeque<TokenDigest>,
}

impl MemoryTokens {
    /// An empty store.
    pub fn new() -> Self {
        let shared = Shared {
            sessions: Parts::new(),
            families: Parts::new(),
            subjects: DashMap::new(),
            windows: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The number of access tokens, expired ones that are not yet swept out among them.
    pub fn len(&self) -> usize {
        self.shared.sessions.len()
    }

    /// Whether there is no access token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, access: TokenDigest) -> Option<Session> {
        self.shared.sessions.get(access, Session::clone)
    }
}

impl Shared {
    fn insert(&self, family: Family, access: TokenDigest, session: Session) -> Inserted {
        let now = session.issued_at();
        let (id, subject) = (family.id(), family.subject().clone());
        let record = Record {
            family,
            access: VecDeque::from([access]),
        };
        if !self.add_session(access, session) {
            return Inserted::Taken;
        }
        if !self
            .families
            .add(id, record, |taken| taken.family.is_expired_at(now))
        {
            self.sessions.remove(access);
            return Inserted::Taken;
        }
        self.subjects.entry(subject).or_default().insert(id);
        self.clear_away(now);
        Inserted::Saved
    }

    fn add_session(&self, access: TokenDigest, session: Session) -> bool {
        let now = session.issued_at();
        self.sessions
            .add(access, session, |taken| taken.is_expired_at(now))
    }

    fn rotate(&self, id: FamilyId, rotation: &Rotation) -> Rotated {
        let rotated = self.families.update(id, |record| {
            let mut family = record.family.clone();
            let rotated = family.rotate(rotation);
            if let Rotated::Done = rotated {
                let (access, session) = (rotation.access(), rotation.session());
                if !self.add_session(access, session.clone()) {
                    return Rotated::Unknown;
                }
                record.family = family;
                record.access.push_back(access);
                if record.access.len() > Family::MAX_ACCESS_TOKENS {
                    if let Some(oldest) = record.access.pop_front() {
                        self.sessions.remove(oldest);
                    }
                }
            }
            rotated
        });
        match rotated {
            Some(Rotated::Replay) => drop(self.revoke_family(id)),
            Some(Rotated::Done) => {
                if rotation.window_ends_at() > rotation.now() {
                    self.windows()
                        .push(Reverse((rotation.window_ends_at(), id)));
                }
                self.clear_away(rotation.now());
            }
            _ => {}
        }
        rotated.unwrap_or(Rotated::Unknown)
    }

    fn revoke_family(&self, id: FamilyId) -> bool {
        // The tokens first: whoever finds no family any more, must find no token either.
        self.families.update(id, |record| {
            for access in record.access.drain(..) {
                self.sessions.remove(access);
            }
        });
        let Some(record) = self.families.remove(id) else {
            return false;
        };
        // A refresh may have come in between.
        for access in record.access {
            self.sessions.remove(access);
        }
        self.unlist(record.family.subject(), id);
        true
    }

    fn revoke_subject(&self, subject: &Subject) -> usize {
        let ids = self.families_of(subject);
        ids.into_iter().filter(|id| self.revoke_family(*id)).count()
    }

    fn families_of(&self, subject: &Subject) -> Vec<FamilyId> {
        self.subjects
            .get(subject)
            .map_or_else(Vec::new, |ids| ids.iter().copied().collect())
    }

    fn unlist(&self, subject: &Subject, id: FamilyId) {
        if let Some(mut ids) = self.subjects.get_mut(subject) {
            ids.remove(&id);
        }
        self.subjects.remove_if(subject, |_, ids| ids.is_empty());
    }

    /// Clears away some of what is over.
    fn clear_away(&self, now: Timestamp) {
        self.sessions
            .sweep_if_due(|_, session| session.is_expired_at(now));
        let mut gone = Vec::new();
        self.families.sweep_if_due(|id, record| {
            let dead = record.family.is_expired_at(now);
            if dead {
                // Should the clock go back, none of them may be left that nobody can revoke.
                for access in &record.access {
                    self.sessions.remove(*access);
                }
                gone.push((record.family.subject().clone(), *id));
            }
            dead
        });
        for (subject, id) in gone {
            self.unlist(&subject, id);
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
            self.families
                .update(id, |record| record.family.forget_salts(now));
        }
    }

    fn windows(&self) -> MutexGuard<'_, BinaryHeap<Reverse<(Timestamp, FamilyId)>>> {
        // Nothing here panics half-way, so the heap is whole even if a thread has died.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryTokens {
    async fn insert(
        &self,
        family: Family,
        access: TokenDigest,
        session: Session,
    ) -> Result<Inserted, StoreError> {
        Ok(self.shared.insert(family, access, session))
    }

    async fn find_access(&self, access: TokenDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.find(access))
    }

    fn find_access_now(&self, access: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        Some(Ok(self.find(access)))
    }

    async fn find_family(&self, id: FamilyId) -> Result<Option<Family>, StoreError> {
        Ok(self.shared.families.get(id, |record| record.family.clone()))
    }

    async fn find_families(&self, subject: &Subject) -> Result<Vec<Family>, StoreError> {
        let find = |id| self.shared.families.get(id, |record| record.family.clone());
        Ok(self
            .shared
            .families_of(subject)
            .into_iter()
            .filter_map(find)
            .collect())
    }

    async fn rotate(&self, id: FamilyId, rotation: Rotation) -> Result<Rotated, StoreError> {
        Ok(self.shared.rotate(id, &rotation))
    }

    async fn revoke_access(&self, access: TokenDigest) -> Result<bool, StoreError> {
        Ok(self.shared.sessions.remove(access).is_some())
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<bool, StoreError> {
        Ok(self.shared.revoke_family(id))
    }

    async fn revoke_subject(&self, subject: &Subject) -> Result<usize, StoreError> {
        Ok(self.shared.revoke_subject(subject))
    }
}

impl Default for MemoryTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTokens")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(not(loom))]
#[cfg(test)]
#[path = "tests/families.rs"]
mod tests;
