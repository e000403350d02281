use std::{
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::{DashMap, mapref::entry::Entry};

use crate::{
    model::{Session, Timestamp, TokenDigest},
    store::{Inserted, StoreError, TokenStore},
};

/// The map is cut into parts, and expired sessions are swept out of one part at a time, so that
/// no sweep takes long: with ten million sessions a part holds 39,000.
const PARTS: usize = 256;
/// The fewest that dashmap allows, as the parts are shards themselves.
const SHARDS_PER_PART: usize = 2;
/// How many sessions a sweep looks at for each session inserted, on average. At 8, one cycle
/// through n sessions takes n/8 insertions, which bounds what an expired one can hold back.
const SWEPT_PER_INSERT: usize = 8;

type Part = DashMap<TokenDigest, Session, BuildHasherDefault<DigestHasher>>;

/// Sessions in memory: quick, and gone with the process.
///
/// Expired sessions go by themselves. Insertions sweep a small part of the others in turn, so no
/// background task is needed and no insertion takes long: a store that holds `n` sessions has
/// been swept whole after `n/8 + 256` insertions.
///
/// Time is what the newest session says in [`Session::issued_at`].
///
/// A clone is the same store.
#[derive(Clone)]
pub struct MemoryTokens {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Box<[Part]>,
    len: AtomicUsize,
    /// Insertions since the last sweep.
    unswept: AtomicUsize,
    /// The part to sweep next, modulo the number of parts.
    next: AtomicUsize,
}

impl MemoryTokens {
    /// An empty store.
    pub fn new() -> Self {
        let part =
            |_| Part::with_hasher_and_shard_amount(BuildHasherDefault::default(), SHARDS_PER_PART);
        let shared = Shared {
            parts: (0..PARTS).map(part).collect(),
            len: AtomicUsize::new(0),
            unswept: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The number of sessions, expired ones that are not yet swept out among them.
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, digest: TokenDigest) -> Option<Session> {
        self.shared
            .part(digest)
            .get(&digest)
            .map(|session| session.clone())
    }
}

impl Shared {
    fn part(&self, digest: TokenDigest) -> &Part {
        // The hasher takes the first eight bytes, so the part is chosen by another one.
        let [.., last] = *digest.as_bytes();
        &self.parts[usize::from(last)]
    }

    /// Sweeps the next part, if enough sessions came in since the last time.
    fn sweep_if_due(&self, now: Timestamp) {
        let part_len = self.len.load(Ordering::Relaxed) / PARTS;
        let due = part_len / SWEPT_PER_INSERT;
        if self.unswept.fetch_add(1, Ordering::Relaxed) < due {
            return;
        }
        self.unswept.store(0, Ordering::Relaxed);
        let next = self.next.fetch_add(1, Ordering::Relaxed) % PARTS;
        let part = &self.parts[next];
        let mut gone = 0;
        part.retain(|_, session| {
            let live = !session.is_expired_at(now);
            gone += usize::from(!live);
            live
        });
        self.len.fetch_sub(gone, Ordering::Relaxed);
        // A crowd that has left takes its room with it.
        if gone > 0 && part.capacity() > part.len().saturating_mul(4) {
            part.shrink_to_fit();
        }
    }
}

impl TokenStore for MemoryTokens {
    async fn insert(&self, digest: TokenDigest, session: Session) -> Result<Inserted, StoreError> {
        let now = session.issued_at();
        match self.shared.part(digest).entry(digest) {
            Entry::Vacant(vacant) => {
                // Counted before another thread's sweep can find it, which would count it off.
                self.shared.len.fetch_add(1, Ordering::Relaxed);
                vacant.insert(session);
            }
            Entry::Occupied(mut taken) if taken.get().is_expired_at(now) => {
                taken.insert(session);
                return Ok(Inserted::Saved);
            }
            Entry::Occupied(_) => return Ok(Inserted::Taken),
        }
        self.shared.sweep_if_due(now);
        Ok(Inserted::Saved)
    }

    async fn find_access(&self, digest: TokenDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.find(digest))
    }

    fn find_access_now(&self, digest: TokenDigest) -> Option<Result<Option<Session>, StoreError>> {
        Some(Ok(self.find(digest)))
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

/// A digest is random already, so its first eight bytes are its hash.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length_of_the_array: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
