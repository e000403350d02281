use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, Hash},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Admission, Attempt, AttemptKind, Outcome, Source, Throttle};
use crate::{
    model::{Clock, Timestamp},
    store::StoreError,
};

/// How many pairs, names and sources are remembered, of each.
const CAPACITY: usize = 100_000;

/// A name at a source: five failures for nothing, then 1 s, 2 s, 4 s, ... up to 15 minutes.
const PAIR: Limit = Limit {
    free: 5,
    longest: 900,
    memory: 3600,
};
/// A source, whatever names it tries: fifty for nothing, then up to half a minute.
const SOURCE: Limit = Limit {
    free: 50,
    longest: 30,
    memory: 900,
};
/// A source that presents tokens which are none: more, as clients keep old ones.
const TOKENS: Limit = Limit {
    free: 200,
    ..SOURCE
};
/// A name, wherever it is tried from: twenty for nothing. Then every source waits a few seconds
/// before each try, but no source waits for another.
const NAME: Limit = Limit {
    free: 20,
    longest: 10,
    memory: 900,
};

/// Counts failures in memory: the default.
///
/// | what fails | for nothing | then | forgotten after |
/// | --- | --- | --- | --- |
/// | one name at one source | 5 | 1 s, 2 s, 4 s, ... up to 15 minutes | an hour, or at once by a success |
/// | any names at one source | 50 | 1 s, 2 s, ... up to 30 s | 15 minutes |
/// | tokens at one source | 200 | the same | 15 minutes |
/// | one name at any sources | 20 | 1 s to 10 s before each try, at each source | 15 minutes |
///
/// A person who mistypes a password five times waits a second, then two. Go's OAuth client sends
/// each failed login twice, so its user waits after the third. Whoever guesses at an account from
/// one place gets through about 15 guesses in the first quarter of an hour and 4 in each hour after
/// it; the account's owner, at another place, waits 10 seconds at most. Nobody is locked out.
///
/// Without a source, strangers and owner cannot be told apart: then a name that fails has one try
/// in each of those few seconds for everybody together. Set one: see `PasswordFlow::with_source`.
///
/// Memory is bounded: of 100,000 names, sources and pairs each, those that mean least are
/// forgotten first. A clone is the same throttle.
#[derive(Clone)]
pub struct MemoryThrottle {
    state: Arc<Mutex<State>>,
    clock: Clock,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct State {
    pairs: Table,
    names: Table,
    sources: Table,
}

/// Names are as long as clients please, so their digests under secret keys are kept.
type Key = u128;

#[derive(Default)]
struct Table(HashMap<Key, Count>);

#[derive(Clone, Copy, Default)]
struct Count {
    failures: u32,
    /// Tries whose end is not known yet.
    pending: u32,
    /// The first second in which a try goes on.
    ready_at: u64,
    /// Of a pair whose name is under attack: the second for which it has put itself down, or 0.
    turn_at: u64,
    touched: u64,
}

/// As long as nothing has failed, so many pending tries weigh as much as one failure: a crowd of
/// good logins is no attack.
const PENDING_PER_FAILURE: u32 = 4;

impl Count {
    fn weight(&self) -> u32 {
        match self.failures {
            0 => self.pending / PENDING_PER_FAILURE,
            failures => failures.saturating_add(self.pending),
        }
    }

    fn admit(&mut self, limit: &Limit, now: u64) {
        self.pending = self.pending.saturating_add(1);
        self.ready_at = now + limit.delay(self.weight());
    }

    fn settle(&mut self, failed: bool, limit: &Limit, now: u64) {
        self.pending = self.pending.saturating_sub(1);
        self.failures = self.failures.saturating_add(failed.into());
        let ready_at = now + limit.delay(self.weight());
        self.ready_at = if failed {
            self.ready_at.max(ready_at)
        } else {
            self.ready_at.min(ready_at)
        };
    }
}

struct Limit {
    free: u32,
    /// In seconds.
    longest: u64,
    /// In seconds.
    memory: u64,
}

impl Limit {
    /// How long to wait after failures of such a weight.
    fn delay(&self, weight: u32) -> u64 {
        let Some(over) = weight.checked_sub(self.free + 1) else {
            return 0;
        };
        1_u64
            .checked_shl(over)
            .map_or(self.longest, |delay| delay.min(self.longest))
    }
}

impl Table {
    /// What is known at `now`, with whatever a clock that was set back would make of it put right.
    fn get(&self, key: Key, limit: &Limit, now: u64) -> Count {
        let mut count = self.0.get(&key).copied().unwrap_or_default();
        count.touched = count.touched.min(now);
        if now - count.touched > limit.memory {
            return Count::default();
        }
        count.ready_at = count.ready_at.min(now + limit.longest);
        count.turn_at = count.turn_at.min(now + NAME.longest);
        count
    }

    fn put(&mut self, key: Key, mut count: Count, limit: &Limit, now: u64) {
        count.touched = now;
        if self.0.len() >= CAPACITY && !self.0.contains_key(&key) {
            self.make_room(limit, now);
        }
        self.0.insert(key, count);
    }

    /// Forgets what is over; then what has not cost anybody a second yet; then anything.
    fn make_room(&mut self, limit: &Limit, now: u64) {
        self.0
            .retain(|_, count| now.saturating_sub(count.touched) <= limit.memory);
        let enough = CAPACITY / 8 * 7;
        if self.0.len() > enough {
            self.0.retain(|_, count| count.failures > limit.free);
        }
        let mut surplus = self.0.len().saturating_sub(enough);
        self.0.retain(|_, _| {
            let stays = surplus == 0;
            surplus = surplus.saturating_sub(1);
            stays
        });
    }
}

/// Which counts an attempt touches.
struct Keys {
    pair: Key,
    name: Key,
    source: Option<Key>,
    /// That of the source.
    limit: &'static Limit,
    /// Whether the name counts at each source.
    paired: bool,
    /// Whether it counts wherever it is tried. A client's secret is random and not guessed at from
    /// many places; its client must not be slowed down by whoever tries.
    everywhere: bool,
}

impl MemoryThrottle {
    /// Knows of no failures yet.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            clock: Clock::system(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    fn key(&self, of: impl Hash) -> Key {
        let [high, low] = [0, 1].map(|at: usize| u128::from(self.hashers[at].hash_one(&of)));
        high << 64 | low
    }

    fn keys(&self, attempt: &Attempt) -> Keys {
        let (kind, name, source) = (attempt.kind(), attempt.name(), attempt.source());
        Keys {
            pair: self.key((kind, name, source)),
            name: self.key((kind, name)),
            source: source.map(|source: Source| self.key((source, kind == AttemptKind::Token))),
            limit: if kind == AttemptKind::Token {
                &TOKENS
            } else {
                &SOURCE
            },
            paired: kind != AttemptKind::Token,
            everywhere: kind == AttemptKind::Password,
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
    fn admit(&mut self, keys: &Keys, now: u64) -> Admission {
        let wait = |until: u64| Admission::Wait(Duration::from_secs(until - now));
        let mut source = Count::default();
        if let Some(key) = keys.source {
            source = self.sources.get(key, keys.limit, now);
            if source.ready_at > now {
                return wait(source.ready_at);
            }
        }
        if keys.paired {
            let mut pair = self.pairs.get(keys.pair, &PAIR, now);
            // Without a source the pair is everybody's.
            if keys.source.is_some() && pair.ready_at > now {
                return wait(pair.ready_at);
            }
            if keys.everywhere {
                let mut name = self.names.get(keys.name, &NAME, now);
                let delay = NAME.delay(name.weight());
                if delay > 0 {
                    if pair.turn_at == 0 {
                        pair.turn_at = now + delay;
                        self.pairs.put(keys.pair, pair, &PAIR, now);
                    }
                    if pair.turn_at > now {
                        return wait(pair.turn_at);
                    }
                    pair.turn_at = 0;
                }
                name.admit(&NAME, now);
                self.names.put(keys.name, name, &NAME, now);
            }
            pair.admit(&PAIR, now);
            self.pairs.put(keys.pair, pair, &PAIR, now);
        }
        if let Some(key) = keys.source {
            source.admit(keys.limit, now);
            self.sources.put(key, source, keys.limit, now);
        }
        Admission::Go
    }

    /// A success forgives the pair, and of name and source only this attempt.
    fn settle(&mut self, keys: &Keys, outcome: Outcome, now: u64) {
        let failed = outcome == Outcome::Wrong;
        if keys.paired {
            let mut pair = self.pairs.get(keys.pair, &PAIR, now);
            if outcome == Outcome::Right {
                pair.failures = 0;
            }
            pair.settle(failed, &PAIR, now);
            self.pairs.put_or_remove(keys.pair, pair, &PAIR, now);
        }
        if keys.everywhere {
            let mut name = self.names.get(keys.name, &NAME, now);
            name.settle(failed, &NAME, now);
            self.names.put_or_remove(keys.name, name, &NAME, now);
        }
        if let Some(key) = keys.source {
            let mut source = self.sources.get(key, keys.limit, now);
            source.settle(failed, keys.limit, now);
            self.sources.put_or_remove(key, source, keys.limit, now);
        }
    }
}

impl Table {
    fn put_or_remove(&mut self, key: Key, count: Count, limit: &Limit, now: u64) {
        if count.failures == 0 && count.pending == 0 {
            self.0.remove(&key);
        } else {
            self.put(key, count, limit, now);
        }
    }
}

impl Throttle for MemoryThrottle {
    async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        let (keys, now) = (self.keys(attempt), self.now());
        Ok(self.locked().admit(&keys, now))
    }

    async fn settle(&self, attempt: &Attempt, outcome: Outcome) -> Result<(), StoreError> {
        let (keys, now) = (self.keys(attempt), self.now());
        self.locked().settle(&keys, outcome, now);
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
            .field("pairs", &state.pairs.0.len())
            .field("names", &state.names.0.len())
            .field("sources", &state.sources.0.len())
            .finish_non_exhaustive()
    }
}
