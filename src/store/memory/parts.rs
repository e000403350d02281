use std::{
    hash::Hash,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::map::{Map, PARTS};
use crate::model::{FamilyId, TokenDigest};

/// How many entries a sweep looks at for each one added, on average. At 8, one cycle through n
/// entries takes n/8 additions, which bounds what an expired one can hold back.
const SWEPT_PER_ADDED: usize = 8;

/// A key that is the digest of something random.
pub(super) trait Digest: Copy + Eq + Hash {
    /// The hasher takes the first eight bytes, so the part is chosen by the last one.
    fn last_byte(&self) -> u8;
}

impl Digest for TokenDigest {
    fn last_byte(&self) -> u8 {
        self.as_bytes()[31]
    }
}

impl Digest for FamilyId {
    fn last_byte(&self) -> u8 {
        self.as_bytes()[15]
    }
}

/// A map in parts, which are swept in turn: no background task is needed, and no addition takes
/// long.
pub(super) struct Parts<K, V> {
    maps: Box<[Map<K, V>]>,
    len: AtomicUsize,
    /// Additions since the last sweep.
    unswept: AtomicUsize,
    /// The part to sweep next, modulo the number of parts.
    next: AtomicUsize,
}

impl<K: Digest, V> Parts<K, V> {
    pub(super) fn new() -> Self {
        Self {
            maps: (0..PARTS).map(|_| Map::new()).collect(),
            len: AtomicUsize::new(0),
            unswept: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn get<R>(&self, key: K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.part(key).get(&key, read)
    }

    pub(super) fn update<R>(&self, key: K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.part(key).update(&key, change)
    }

    /// Adds an entry unless there is one that is not `dead`. Says whether it was added.
    pub(super) fn add(&self, key: K, value: V, dead: impl FnOnce(&V) -> bool) -> bool {
        let mut added = false;
        self.part(key).replace(key, |taken| match taken {
            Some(taken) if !dead(taken) => None,
            taken => {
                // Counted before another thread's sweep can find it, which would count it off.
                let new = usize::from(taken.is_none());
                self.len.fetch_add(new, Ordering::Relaxed);
                added = true;
                Some(value)
            }
        });
        added
    }

    pub(super) fn remove(&self, key: K) -> Option<V> {
        let removed = self.part(key).remove(&key);
        self.len
            .fetch_sub(usize::from(removed.is_some()), Ordering::Relaxed);
        removed
    }

    /// Sweeps the next part of what is `dead`, if enough was added since the last time.
    pub(super) fn sweep_if_due(&self, mut dead: impl FnMut(&K, &V) -> bool) {
        let due = self.len() / PARTS / SWEPT_PER_ADDED;
        if self.unswept.fetch_add(1, Ordering::Relaxed) < due {
            return;
        }
        self.unswept.store(0, Ordering::Relaxed);
        let part = &self.maps[self.next.fetch_add(1, Ordering::Relaxed) % PARTS];
        let mut gone = 0;
        part.retain(|key, value| {
            let dead = dead(key, value);
            gone += usize::from(dead);
            !dead
        });
        if gone > 0 {
            self.len.fetch_sub(gone, Ordering::Relaxed);
            part.shrink();
        }
    }

    fn part(&self, key: K) -> &Map<K, V> {
        &self.maps[usize::from(key.last_byte()) % PARTS]
    }
}
