use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use dashmap::DashMap;

use super::{Revoked, fresh::Read};
use crate::model::{Session, TokenDigest};

/// How many may be noted before the old ones are cleared away.
const CLEARED_AT: usize = 1024;

/// For how long a family or a user is not answered from the cache of whom it is not known whether
/// a revocation went through.
const UNSURE: Duration = Duration::from_secs(60);

/// What was revoked a moment ago. A session that was asked for before that may be in the cache, or
/// on its way there: it does not count.
pub(super) struct Gone {
    noted: DashMap<Revoked, Instant>,
    /// So that a hit costs nothing while nothing was revoked.
    len: AtomicUsize,
    staleness: Duration,
}

impl Gone {
    pub(super) fn new(staleness: Duration) -> Self {
        Self {
            noted: DashMap::new(),
            len: AtomicUsize::new(0),
            staleness,
        }
    }

    /// Notes that whatever was asked for up to now does not count.
    pub(super) fn note(&self, revoked: Revoked) {
        let now = Instant::now();
        if self.noted.insert(revoked, now).is_none() {
            let len = self.len.fetch_add(1, Ordering::Release) + 1;
            if len % CLEARED_AT == 0 {
                self.clear_away(now);
            }
        }
    }

    /// Notes that whatever is asked for in the next minute does not count either: a revocation may
    /// have come half-way, and whoever finishes it may not be told to us.
    pub(super) fn note_for_long(&self, revoked: &Revoked) {
        self.note(revoked.clone());
        if let Some(mut noted) = self.noted.get_mut(revoked) {
            *noted += UNSURE;
        }
    }

    /// Whether this is the session of something that was revoked after it was asked for.
    pub(super) fn covers(&self, access: TokenDigest, read: &Read<Session>) -> bool {
        if self.len.load(Ordering::Acquire) == 0 {
            return false;
        }
        let later = |revoked: &Revoked| {
            let noted = self.noted.get(revoked);
            noted.is_some_and(|noted| read.asked_at.exact() <= *noted)
        };
        let session = &read.value;
        later(&Revoked::Access(access))
            || session
                .family()
                .is_some_and(|id| later(&Revoked::Family(id)))
            || later(&Revoked::Subject(session.subject().clone()))
    }

    /// What was asked for before the staleness is not answered anyway.
    fn clear_away(&self, now: Instant) {
        self.noted
            .retain(|_, noted| now.duration_since(*noted) <= self.staleness);
        self.len.store(self.noted.len(), Ordering::Release);
    }
}
