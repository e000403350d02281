use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{Revoked, fresh::Read, moment::Exact};
use crate::model::{Session, Subject, TokenDigest};

/// For how long a family or a user is not answered from the cache of whom it is not known whether
/// a revocation went through.
const UNSURE: Duration = Duration::from_secs(60);

/// What was revoked a moment ago. A session that was asked for before that may be in the cache, or
/// on its way there: it does not count.
///
/// Of each of three kinds there are some thousand slots, which say when the newest revocation was of
/// anything that falls into them. Memory is bounded, a hit looks at three numbers, and what shares a
/// slot with something that was revoked is read once more, which is harmless.
pub(super) struct Gone {
    /// When the newest of all was: what was asked for later, needs no second look.
    newest: Latest,
    /// When it was last not known what was revoked.
    anything: Latest,
    access: Slots,
    families: Slots,
    subjects: Slots,
}

const SLOTS: usize = 4096;

/// The latest of some moments.
struct Latest(AtomicU64);

impl Latest {
    fn never() -> Self {
        Self(AtomicU64::new(Exact::NEVER.0))
    }

    fn note(&self, moment: Exact) {
        self.0.fetch_max(moment.0, Ordering::AcqRel);
    }

    fn get(&self) -> Exact {
        Exact(self.0.load(Ordering::Acquire))
    }
}

struct Slots(Box<[Latest]>);

impl Slots {
    fn new() -> Self {
        Self((0..SLOTS).map(|_| Latest::never()).collect())
    }

    fn slot(&self, of: u64) -> &Latest {
        let at = usize::try_from(of >> 52).unwrap_or_default();
        &self.0[at % SLOTS]
    }
}

impl Gone {
    pub(super) fn new() -> Self {
        Self {
            newest: Latest::never(),
            anything: Latest::never(),
            access: Slots::new(),
            families: Slots::new(),
            subjects: Slots::new(),
        }
    }

    /// Notes that whatever was asked for up to now does not count.
    pub(super) fn note(&self, revoked: &Revoked) {
        self.note_until(revoked, Exact::now());
    }

    /// Notes that nothing that was asked for up to now counts.
    pub(super) fn note_anything(&self) {
        let now = Exact::now();
        self.anything.note(now);
        self.newest.note(now);
    }

    /// Notes that whatever is asked for in the next minute does not count either: a revocation may
    /// have come half-way, and whoever finishes it may not be told to us.
    pub(super) fn note_for_long(&self, revoked: &Revoked) {
        self.note_until(revoked, Exact::now() + UNSURE);
    }

    fn note_until(&self, revoked: &Revoked, until: Exact) {
        let slot = match revoked {
            Revoked::Access(digest) => self.access.slot(of_random(digest.as_bytes())),
            Revoked::Family(id) => self.families.slot(of_random(id.as_bytes())),
            Revoked::Subject(subject) => self.subjects.slot(of_subject(subject)),
        };
        slot.note(until);
        self.newest.note(until);
    }

    /// Whether this is the session of something that was revoked after it was asked for.
    pub(super) fn covers(&self, access: TokenDigest, read: &Read<Session>) -> bool {
        let asked_at = read.asked_at.exact();
        let later = |latest: &Latest| asked_at <= latest.get();
        if !later(&self.newest) {
            return false;
        }
        let session = &read.value;
        later(&self.anything)
            || later(self.access.slot(of_random(access.as_bytes())))
            || session
                .family()
                .is_some_and(|id| later(self.families.slot(of_random(id.as_bytes()))))
            || later(self.subjects.slot(of_subject(session.subject())))
    }
}

/// A digest is random already.
fn of_random(digest: &[u8]) -> u64 {
    digest.last_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// Quick, and good enough to spread names; whoever makes two of them meet gains nothing.
fn of_subject(subject: &Subject) -> u64 {
    let bytes = subject.as_str().as_bytes();
    let mut mixed = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mixed = (mixed ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 29;
    }
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
