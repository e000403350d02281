//! One population in this process, from its first login to its last.

use std::{
    hint::black_box,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tower_oauth2_password::{MemoryTokens, store::TokenStore};

use crate::{
    BYTES, LARGEST, LONGEST,
    logins::{Bare, Crowd, LIFETIME, Shape, digest, mixed},
    memory,
    note::{Goal, Spread, figure},
};

const START: u64 = 1_000_000;
/// Calls in one turn, and turns.
const CALLS: u64 = 1_000;
const TURNS: usize = 200;
/// What a server reads a request into. When it asks for that, glibc merges the small pieces that
/// were given back and put aside; without it that would be millions at once.
const BUFFER: usize = 8_192;
/// Rounds of logins that are timed one by one.
const ROUNDS: usize = 20;

struct Population {
    shape: Shape,
    crowd: Crowd,
    logins: u64,
    tokens: MemoryTokens,
    bare: Bare,
}

/// Measures `logins` of `shape` and prints a line for each figure.
pub fn alone(shape: Shape, logins: usize) {
    let mut population = Population {
        shape,
        crowd: Crowd::new(shape, logins + 10 * usize::try_from(CALLS).unwrap()),
        logins: logins as u64,
        tokens: MemoryTokens::new(),
        bare: Bare::default(),
    };
    population.fill();
    if matches!(shape, Shape::Access | Shape::Refresh) {
        population.hits();
        population.issues();
        population.reads_beside_writes();
        // From here on only ours is asked.
        population.bare = Bare::default();
        population.expiry();
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
impl Population {
    fn note(&self, row: &str, unit: &str, value: Spread, goal: Goal) {
        let logins = usize::try_from(self.logins).unwrap();
        let goal = if logins == LARGEST { goal } else { Goal::None };
        figure(self.shape.name(), Some(logins), row, unit, value, goal);
    }

    fn fill(&mut self) {
        let before = resident();
        for number in 0..self.logins {
            self.crowd.log_in(&self.tokens, number, START);
        }
        let ours = (resident() - before) / self.logins as f64;
        let tokens = self.shape.tokens() as f64;
        let row = "memory, each live token";
        self.note(row, "bytes", Spread::one(ours / tokens), BYTES);
        let before = resident();
        for number in 0..self.logins {
            self.crowd.log_in_bare(&self.bare, number, START);
        }
        let bare = (resident() - before) / self.logins as f64;
        self.note("memory, each login", "bytes", Spread::one(ours), Goal::None);
        self.note(
            "memory of the bare map",
            "bytes",
            Spread::one(bare),
            Goal::None,
        );
    }

    /// Whom to ask for in turn `turn`: each of them depends on the one before.
    fn strangers(&self, turn: usize, mut ask: impl FnMut(u64) -> u64) -> Duration {
        let mut state = mixed(turn as u64);
        let begun = Instant::now();
        for _ in 0..CALLS {
            state = mixed(state.wrapping_add(ask(state % self.logins)));
        }
        black_box(state);
        begun.elapsed()
    }

    fn hit(&self, number: u64) -> u64 {
        let found = self.tokens.find_access_now(digest(2 * number));
        found.unwrap().unwrap().unwrap().issued_at().as_secs()
    }

    fn bare_hit(&self, number: u64) -> u64 {
        let found = self.bare.get(digest(2 * number).as_bytes()).unwrap();
        black_box(found.0.clone());
        found.1.as_secs()
    }

    fn hits(&self) {
        let (mut ours, mut ratios) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let hits = self.strangers(turn, |number| self.hit(number));
            let bare = self.strangers(turn + TURNS, |number| self.bare_hit(number));
            let nothing = self.strangers(turn, |number| digest(2 * number).as_bytes()[0].into());
            let net = |time: Duration| (time.saturating_sub(nothing)).as_secs_f64();
            ours.push(net(hits) * 1e9 / CALLS as f64);
            ratios.push(net(hits) / net(bare));
        }
        self.note("hit", "ns", Spread::of(ours), Goal::None);
        self.note(
            "hit, of the bare map's",
            "times",
            Spread::of(ratios),
            Goal::None,
        );
    }

    /// New logins while nobody's ends; they do not stay.
    fn issues(&self) {
        let (mut ours, mut ratios) = (Vec::new(), Vec::new());
        for turn in 0..10 {
            let first = self.logins + turn * CALLS;
            let begun = Instant::now();
            for number in first..first + CALLS {
                self.crowd.log_in(&self.tokens, number, START);
            }
            let time = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            for number in first..first + CALLS {
                self.crowd.log_in_bare(&self.bare, number, START);
            }
            ours.push(time * 1e9 / CALLS as f64);
            ratios.push(time / begun.elapsed().as_secs_f64());
        }
        self.note("login", "ns", Spread::of(ours), Goal::None);
        self.note(
            "login, of the bare map's insertion",
            "times",
            Spread::of(ratios),
            Goal::None,
        );
    }

    /// Hits of this thread, with another one that does nothing, asks too, or logs in, in turn.
    fn reads_beside_writes(&self) {
        let next = self.logins + 10 * CALLS;
        let any = |number| mixed(number) % self.logins;
        let (hit, bare_hit) = (|number| self.hit(number), |number| self.bare_hit(number));
        self.beside("hit beside hits, of one alone", hit, |number| {
            black_box(self.hit(any(number)));
        });
        self.beside("the bare map's beside its own", bare_hit, |number| {
            black_box(self.bare_hit(any(number)));
        });
        self.beside("hit beside logins, of one alone", hit, |number| {
            self.crowd.log_in(&self.tokens, next + number, START);
        });
    }

    fn beside(&self, row: &str, mut hit: impl FnMut(u64) -> u64, other: impl Fn(u64) + Sync) {
        let (busy, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let ratios = thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    if busy.load(Ordering::Relaxed) {
                        other(number);
                        number += 1;
                    } else {
                        std::hint::spin_loop();
                    }
                }
            });
            let mut turn = |turn, with| {
                busy.store(with, Ordering::Relaxed);
                self.strangers(turn, &mut hit).as_secs_f64()
            };
            let ratios = (0..TURNS).map(|each| turn(each, true) / turn(each, false));
            let ratios = ratios.collect();
            over.store(true, Ordering::Relaxed);
            ratios
        });
        self.note(row, "times", Spread::of(ratios), Goal::None);
    }

    /// All of them end at once, and logins go on: these sweep.
    fn expiry(&self) {
        let late = START + 2 * LIFETIME;
        let before = self.tokens.len() as u64;
        let per_round = (before / 8 + 256).div_ceil(ROUNDS as u64);
        let (mut means, mut longest, mut idle) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 1 << 40;
        for _ in 0..ROUNDS {
            let (mut most, begun) = (Duration::ZERO, Instant::now());
            let mut last = begun;
            for _ in 0..per_round {
                black_box(Vec::<u8>::with_capacity(BUFFER));
                self.crowd.log_in(&self.tokens, number, late);
                number += 1;
                let now = Instant::now();
                most = most.max(now - last);
                last = now;
            }
            let round = begun.elapsed();
            means.push(round.as_secs_f64() * 1e9 / per_round as f64);
            longest.push(most.as_secs_f64() * 1e3);
            idle.push(longest_pause(round).as_secs_f64() * 1e3);
        }
        let left = self.tokens.len() as u64;
        assert!(
            left <= per_round * ROUNDS as u64,
            "{left} of {before} are left"
        );
        let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
        let spread = |all: Vec<f64>| Spread {
            median: most(&all),
            ..Spread::of(all)
        };
        self.note(
            "login while all others end",
            "ns",
            Spread::of(means),
            Goal::None,
        );
        self.note(
            "longest login while all others end",
            "ms",
            spread(longest),
            LONGEST,
        );
        self.note(
            "longest pause of an empty loop beside it",
            "ms",
            spread(idle),
            Goal::None,
        );
        self.note(
            "memory after it",
            "MiB",
            Spread::one(resident() / 1024.0 / 1024.0),
            Goal::None,
        );
    }
}

/// What this machine takes away from a loop that runs for `time`.
fn longest_pause(time: Duration) -> Duration {
    let begun = Instant::now();
    let (mut last, mut most) = (begun, Duration::ZERO);
    while last - begun < time {
        let now = Instant::now();
        most = most.max(now - last);
        last = now;
    }
    most
}

/// Bytes of this process in memory.
fn resident() -> f64 {
    memory::mebibytes(process::id(), memory::RESIDENT).unwrap() * 1024.0 * 1024.0
}
