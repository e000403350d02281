//! The map and the lock under [`MemoryTokens`](super::MemoryTokens).
//!
//! `map_loom.rs` has the same functions over the locks of `loom`, which then tries every order
//! in which threads can take them.

use std::hash::Hash;

use dashmap::{DashMap, mapref::entry::Entry};

use crate::store::digest::DigestState;

/// How many maps there are of a kind, so that no sweep of one takes long: with ten million
/// sessions each holds 39,000.
pub(super) const PARTS: usize = 256;
/// The fewest that dashmap allows, as the parts are shards themselves.
const SHARDS: usize = 2;

/// A map for many threads. A closure runs while its entry is locked; it must not touch this map.
pub(super) struct Map<K, V> {
    entries: DashMap<K, V, DigestState>,
}

impl<K: Eq + Hash, V> Map<K, V> {
    pub(super) fn new() -> Self {
        Self {
            entries: DashMap::with_hasher_and_shard_amount(DigestState::default(), SHARDS),
        }
    }

    pub(super) fn get<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.entries.get(key).map(|entry| read(&entry))
    }

    pub(super) fn update<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.entries
            .get_mut(key)
            .map(|mut entry| change(&mut entry))
    }

    /// Runs `decide` on what is there, and saves the value that it makes.
    pub(super) fn replace(&self, key: K, decide: impl FnOnce(Option<&V>) -> Option<V>) {
        match self.entries.entry(key) {
            Entry::Vacant(vacant) => {
                if let Some(value) = decide(None) {
                    vacant.insert(value);
                }
            }
            Entry::Occupied(mut taken) => {
                if let Some(value) = decide(Some(taken.get())) {
                    taken.insert(value);
                }
            }
        }
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, value)| value)
    }

    pub(super) fn retain(&self, keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(keep);
    }

    /// Gives back room that a crowd has left.
    pub(super) fn shrink(&self) {
        if self.entries.capacity() > self.entries.len().saturating_mul(4) {
            self.entries.shrink_to_fit();
        }
    }
}
