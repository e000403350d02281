//! Counts in the memory of one process.

mod count;
mod table;

use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Admission, Attempt, AttemptKind, Limits, Outcome, Source, Throttle};
use crate::{
    model::{Clock, Timestamp},
    store::StoreError,
};
use table::{Counts, Key, Turns};

/// Counts failures in memory, as [`Limits`] says: the default. Of several nodes each counts for
/// itself, so that a guesser who asks all of them has that many times as many guesses; `RedisThrottle`
/// counts for all of them.
///
/// Without a source, strangers and owner cannot be told apart: then a name that fails has one try in
/// each few seconds for everybody together, and whoever asks most often is likely to get it. Set
/// one: see `PasswordFlow::with_source`.
///
/// Memory is bounded: of 100,000 names, sources and pairs each, those that mean least are forgotten
/// first. Full, that is some 40 MB. A clone is the same throttle.
#[derive(Clone)]
pub struct MemoryThrottle {
    state: Arc<Mutex<State>>,
    clock: Clock,
    limits: Limits,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct State {
    pairs: Counts,
    names: Counts,
    sources: Counts,
    /// Sources that present tokens. Apart, as presenting one costs so little that many can.
    tokens: Counts,
    turns: Turns,
}

/// Which counts an attempt touches.
struct Keys {
    kind: AttemptKind,
    pair: Key,
    name: Key,
    source: Option<Key>,
}

impl MemoryThrottle {
    /// Knows of no failures yet.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            clock: Clock::system(),
            limits: Limits::default(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how much may fail. The default is that of [`Limits`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    fn key(&self, of: impl Hash) -> Key {
        let [high, low] = [0, 1].map(|at: usize| u128::from(self.hashers[at].hash_one(&of)));
        high << 64 | low
    }

    fn keys(&self, attempt: &Attempt) -> Keys {
        let (kind, name, source) = (attempt.kind(), attempt.name(), attempt.source());
        Keys {
            kind,
            pair: self.key((kind, name, source)),
            name: self.key((kind, name)),
            source: source.map(|source: Source| self.key(source)),
        }
    }

    fn now(&self) -> u64 {
        Timestamp::as_secs(self.clock.now())
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half-way, so the state is whole even if a thread has died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sources_of(&mut self, kind: AttemptKind) -> &mut Counts {
        match kind {
            AttemptKind::Token => &mut self.tokens,
            _ => &mut self.sources,
        }
    }

    /// `Err` is from when on the attempt may go on.
    fn admit(&mut self, keys: &Keys, limits: &Limits, now: u64) -> Result<(), u64> {
        let limit = limits.of_source(keys.kind);
        let source = keys
            .source
            .map(|key| (key, self.sources_of(keys.kind).get(key, limit, now)));
        if let Some((_, source)) = source {
            ready(source.ready_at, now)?;
        }
        if keys.kind.has_name() {
            self.admit_name(keys, limits, now)?;
        }
        if let Some((key, mut source)) = source {
            source.admit(limit, now);
            self.sources_of(keys.kind).put(key, source, limit, now);
        }
        Ok(())
    }

    fn admit_name(&mut self, keys: &Keys, limits: &Limits, now: u64) -> Result<(), u64> {
        let mut pair = self.pairs.get(keys.pair, &limits.pair, now);
        // Without a source the pair is everybody's.
        if keys.source.is_some() {
            ready(pair.ready_at, now)?;
        }
        if keys.kind.is_guessed_everywhere() {
            let limit = &limits.name;
            let mut name = self.names.get(keys.name, limit, now);
            let delay = limit.delay(name.weight(limit));
            if delay > 0 {
                self.turns.take(keys.pair, delay, limit, now)?;
            }
            name.admit(limit, now);
            self.names.put(keys.name, name, limit, now);
        }
        pair.admit(&limits.pair, now);
        self.pairs.put(keys.pair, pair, &limits.pair, now);
        Ok(())
    }

    /// A success forgives the pair, and of name and source only this attempt.
    fn settle(&mut self, keys: &Keys, outcome: Outcome, limits: &Limits, now: u64) {
        let failed = outcome == Outcome::Wrong;
        if keys.kind.has_name() {
            let mut pair = self.pairs.get(keys.pair, &limits.pair, now);
            if outcome == Outcome::Right {
                pair.failures = 0;
            }
            pair.settle(failed, &limits.pair, now);
            self.pairs.put(keys.pair, pair, &limits.pair, now);
        }
        if keys.kind.is_guessed_everywhere() {
            let mut name = self.names.get(keys.name, &limits.name, now);
            name.settle(failed, &limits.name, now);
            self.names.put(keys.name, name, &limits.name, now);
        }
        if let Some(key) = keys.source {
            let limit = limits.of_source(keys.kind);
            let sources = self.sources_of(keys.kind);
            let mut source = sources.get(key, limit, now);
            source.settle(failed, limit, now);
            sources.put(key, source, limit, now);
        }
    }
}

fn ready(at: u64, now: u64) -> Result<(), u64> {
    if at > now { Err(at) } else { Ok(()) }
}

impl Throttle for MemoryThrottle {
    async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        let (keys, now) = (self.keys(attempt), self.now());
        let admitted = self.locked().admit(&keys, &self.limits, now);
        Ok(match admitted {
            Ok(()) => Admission::Go,
            Err(at) => Admission::Wait(Duration::from_secs(at - now)),
        })
    }

    async fn settle(&self, attempt: &Attempt, outcome: Outcome) -> Result<(), StoreError> {
        let (keys, now) = (self.keys(attempt), self.now());
        self.locked().settle(&keys, outcome, &self.limits, now);
        Ok(())
    }
}

impl Default for MemoryThrottle {
    fn default() -> Self {
        Self::new()
    }
}

/// Says how much is remembered, and of nobody what.
impl fmt::Debug for MemoryThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.locked();
        f.debug_struct("MemoryThrottle")
            .field("pairs", &state.pairs.len())
            .field("names", &state.names.len())
            .field("sources", &state.sources.len())
            .field("tokens", &state.tokens.len())
            .field("turns", &state.turns.len())
            .finish_non_exhaustive()
    }
}
