//! [`map.rs`](../map.rs) over the locks of `loom`.

use std::{collections::HashMap, hash::Hash};

use loom::sync::{Mutex, MutexGuard};

pub(super) const PARTS: usize = 1;

pub(super) struct Map<K, V> {
    entries: Mutex<HashMap<K, V>>,
}

impl<K: Eq + Hash, V> Map<K, V> {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn get<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.locked().get(key).map(read)
    }

    pub(super) fn update<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.locked().get_mut(key).map(change)
    }

    pub(super) fn replace(&self, key: K, decide: impl FnOnce(Option<&V>) -> Option<V>) {
        let mut entries = self.locked();
        if let Some(value) = decide(entries.get(&key)) {
            entries.insert(key, value);
        }
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.locked().remove(key)
    }

    pub(super) fn retain(&self, keep: impl FnMut(&K, &mut V) -> bool) {
        self.locked().retain(keep);
    }

    pub(super) fn shrink(&self) {}

    fn locked(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.entries.lock().expect("no test panics under a lock")
    }
}
