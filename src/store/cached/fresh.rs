use std::{
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::Duration,
};

use dashmap::{DashMap, mapref::entry::Entry as Place};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::moment::{AgeLimit, Moment};
use crate::store::StoreError;

/// What was read a while ago, up to a number of entries and an age. What is missing is read once,
/// however many ask.
pub(super) struct Fresh<K, V, S> {
    entries: Cache<K, Read<V>, UnitWeighter, S>,
    /// A read goes on for as long as somebody waits for it, and no longer.
    reads: DashMap<K, Begun<V>>,
    staleness: AgeLimit,
}

/// A value, and when it was asked for: what happened later it may not know.
#[derive(Clone)]
pub(super) struct Read<V> {
    pub(super) value: V,
    pub(super) asked_at: Moment,
}

/// A read under way.
struct Begun<V> {
    at: Moment,
    reading: WeakShared<Reading<V>>,
}

/// Somebody who waits for a read. The last one to leave, with an answer or without, clears up.
struct Waiting<'a, K: Eq + Hash, V: Clone> {
    reads: &'a DashMap<K, Begun<V>>,
    key: K,
    reading: Option<Shared<Reading<V>>>,
}

impl<K: Eq + Hash, V: Clone> Drop for Waiting<'_, K, V> {
    fn drop(&mut self) {
        drop(self.reading.take());
        // A new read that has begun meanwhile stays.
        let over = |_: &K, begun: &Begun<V>| begun.reading.upgrade().is_none();
        self.reads.remove_if(&self.key, over);
    }
}

type Reading<V> = BoxFuture<'static, Result<Option<Read<V>>, StoreError>>;

impl<K, V, S> Fresh<K, V, S>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Clone + Default + Send + Sync + 'static,
{
    pub(super) fn new(capacity: usize, staleness: Duration) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        Self {
            entries: Cache::with(
                capacity,
                weight,
                UnitWeighter,
                S::default(),
                DefaultLifecycle::default(),
            ),
            reads: DashMap::new(),
            staleness: AgeLimit::new(staleness),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        usize::try_from(self.entries.capacity()).unwrap_or(usize::MAX)
    }

    pub(super) fn staleness(&self) -> Duration {
        self.staleness.duration()
    }

    /// An entry that is not stale.
    pub(super) fn get(&self, key: &K) -> Option<Read<V>> {
        let read = self.entries.get(key)?;
        self.staleness.allows(read.asked_at).then_some(read)
    }

    pub(super) fn put(&self, key: K, value: V, asked_at: Moment) {
        self.entries.insert(key, Read { value, asked_at });
    }

    pub(super) fn forget(&self, key: &K) {
        self.entries.remove(key);
    }

    pub(super) fn clear(&self) {
        self.entries.clear();
    }

    /// Reads an entry, or waits for whoever reads it already, and keeps it.
    pub(super) async fn read<F>(
        self: &Arc<Self>,
        key: K,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<Read<V>>, StoreError>
    where
        F: Future<Output = Result<Option<V>, StoreError>> + Send + 'static,
    {
        let mut waiting = Waiting {
            reads: &self.reads,
            reading: Some(self.join(key.clone(), ask)),
            key,
        };
        match &mut waiting.reading {
            Some(reading) => reading.await,
            None => Ok(None),
        }
    }

    fn join<F>(self: &Arc<Self>, key: K, ask: impl FnOnce() -> F) -> Shared<Reading<V>>
    where
        F: Future<Output = Result<Option<V>, StoreError>> + Send + 'static,
    {
        let place = self.reads.entry(key.clone());
        if let Place::Occupied(place) = &place {
            let begun = place.get();
            // What was asked for too long ago would be stale already when it comes.
            let reading = begun.reading.upgrade();
            if let Some(reading) = reading.filter(|_| self.staleness.allows(begun.at)) {
                return reading;
            }
        }
        let at = Moment::now();
        let reading = self.begin(key, at, ask());
        if let Some(weak) = reading.downgrade() {
            place.insert(Begun { at, reading: weak });
        }
        reading
    }

    fn begin<F>(self: &Arc<Self>, key: K, asked_at: Moment, answer: F) -> Shared<Reading<V>>
    where
        F: Future<Output = Result<Option<V>, StoreError>> + Send + 'static,
    {
        let cache = Arc::clone(self);
        let reading: Reading<V> = Box::pin(async move {
            let Some(value) = answer.await? else {
                return Ok(None);
            };
            cache.put(key, value.clone(), asked_at);
            Ok(Some(Read { value, asked_at }))
        });
        reading.shared()
    }
}
