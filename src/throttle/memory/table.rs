use std::collections::HashMap;

use super::count::Count;
use crate::throttle::limits::{Limit, TURN_LASTS};

/// How many pairs, names, sources, sources of tokens and turns are remembered, of each.
const CAPACITY: usize = 100_000;

/// Names are as long as clients please, so their digests under secret keys are kept.
pub(super) type Key = u128;

/// Counts under one limit.
#[derive(Default)]
pub(super) struct Counts(Table<Count>);

impl Counts {
    pub(super) fn len(&self) -> usize {
        self.0.values.len()
    }

    pub(super) fn get(&self, key: Key, limit: &Limit, now: u64) -> Count {
        let known = self.0.values.get(&key);
        known.map_or_else(|| Count::new(now), |count| count.at(now, limit))
    }

    pub(super) fn put(&mut self, key: Key, mut count: Count, limit: &Limit, now: u64) {
        if count.is_nothing() {
            self.0.values.remove(&key);
            return;
        }
        count.touch(now);
        // What is over goes first; then what has not cost anybody a second yet.
        self.0.put(key, count, |count, hard| {
            let count = count.at(now, limit);
            !count.is_nothing() && (!hard || count.failures > limit.free)
        });
    }
}

/// Who may try next at a name that is under attack: pairs, and from when on. Whoever only asks gets
/// one, so they must not take the room of what is known of failures.
#[derive(Default)]
pub(super) struct Turns(Table<u64>);

impl Turns {
    pub(super) fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Takes the turn of a pair, or else says from when on it may. That is `delay` after the first
    /// time that it asked, and for a minute.
    pub(super) fn take(
        &mut self,
        key: Key,
        delay: u64,
        limit: &Limit,
        now: u64,
    ) -> Result<(), u64> {
        let lasts = |turn: u64| now <= turn.saturating_add(TURN_LASTS);
        let turn = match self.0.values.get(&key) {
            Some(turn) if lasts(*turn) => (*turn).min(now.saturating_add(limit.longest)),
            _ => {
                let turn = now.saturating_add(delay);
                self.0.put(key, turn, |turn, _| lasts(*turn));
                turn
            }
        };
        if turn > now {
            return Err(turn);
        }
        self.0.values.remove(&key);
        Ok(())
    }
}

struct Table<V> {
    values: HashMap<Key, V>,
    /// How often something had to go that was still good.
    purges: u32,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            purges: 0,
        }
    }
}

impl<V> Table<V> {
    /// If it is full, only those stay that `stays` lets; then it is asked more strictly; then an
    /// eighth goes at random.
    fn put(&mut self, key: Key, value: V, stays: impl Fn(&V, bool) -> bool) {
        if self.values.len() >= CAPACITY && !self.values.contains_key(&key) {
            self.make_room(stays);
        }
        self.values.insert(key, value);
    }

    fn make_room(&mut self, stays: impl Fn(&V, bool) -> bool) {
        let enough = CAPACITY / 8 * 7;
        for hard in [false, true] {
            if self.values.len() > enough {
                self.values.retain(|_, value| stays(value, hard));
            }
        }
        while self.values.len() > enough {
            // Other bits of the keys, which are random, each time: nobody goes again and again.
            let bits = self.purges % 40 * 3;
            self.values.retain(|key, _| key >> bits & 7 != 0);
            self.purges = self.purges.wrapping_add(1);
        }
    }
}
