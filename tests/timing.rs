//! Measurements to be read by a person: a shared machine is no judge of milliseconds.
//!
//! The test of Welch, as dudect does it: two kinds of request take turns, in an order drawn anew for
//! each round, so that whatever else the machine does meets all of them alike. |t| above 4.5 is a
//! difference that chance does not make.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Password, PasswordHash, Subject},
    password::{Bcrypt, HashError, HashingPool, PasswordHasher},
    store::Account,
};

use crate::support::{Answer, Flow, User, send, token_request};

/// Of each kind: any two together are 2,000 samples.
const ROUNDS: usize = 1_000;
/// On a busy machine there are fewer rounds; the table says how many.
const LONGEST: Duration = Duration::from_secs(1_790);
/// That of dudect.
const THRESHOLD: f64 = 4.5;

/// Bcrypt at cost 10, and how much of a core its thread used: that leaves out the wait for one.
#[derive(Clone)]
struct Metered {
    bcrypt: Bcrypt,
    used: Arc<AtomicU64>,
}

impl Metered {
    fn new() -> Self {
        Self {
            bcrypt: Bcrypt::new(10).unwrap(),
            used: Arc::default(),
        }
    }

    fn meter<T>(&self, work: impl FnOnce(&Bcrypt) -> T) -> T {
        let before = thread_time();
        let done = work(&self.bcrypt);
        let used = thread_time().saturating_sub(before);
        self.used.fetch_add(used, Ordering::SeqCst);
        done
    }
}

/// Nanoseconds that this thread has run. 0 where the system does not say so.
fn thread_time() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = told.split(' ').next();
    first.and_then(|first| first.parse().ok()).unwrap_or(0)
}

impl PasswordHasher for Metered {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.meter(|bcrypt| bcrypt.hash(password))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        self.meter(|bcrypt| bcrypt.verify(password, hash))
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        self.bcrypt.recognizes(hash)
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        self.bcrypt.needs_rehash(hash)
    }
}

fn account(name: &str, cost: u32) -> Account {
    let hash = Bcrypt::new(cost).unwrap().hash(&Password::new("secret123"));
    Account::new(Subject::new(name).unwrap()).with_hash(hash.unwrap())
}

/// Everybody who can be asked for, and nobody who slows a guess down.
fn flow(hasher: Metered) -> Flow {
    let users = MemoryUsers::new();
    let add = |name: &str, account: Account| users.insert(name, account, User::new(name)).unwrap();
    add("meera", account("meera", 10));
    add("cost8", account("cost8", 8));
    add("ended", account("ended", 10).with_enabled(false));
    add("nopwd", Account::new(Subject::new("nopwd").unwrap()));
    let unreadable = PasswordHash::new("$2b$10$of no length");
    let subject = Subject::new("wreck").unwrap();
    add("wreck", Account::new(subject).with_hash(unreadable));
    PasswordFlow::new(users, MemoryTokens::new())
        .with_hasher(hasher)
        .with_hashing_pool(HashingPool::new(std::num::NonZeroUsize::MIN, 1))
        .with_insecure_no_throttle()
}

/// The samples of one kind of request, in milliseconds.
struct Kind {
    name: &'static str,
    form: String,
    wall: Vec<f64>,
    core: Vec<f64>,
}

impl Kind {
    fn new(name: &'static str, username: &str, password: &str) -> Self {
        Self {
            name,
            form: format!("grant_type=password&username={username}&password={password}"),
            wall: Vec::new(),
            core: Vec::new(),
        }
    }
}

/// Mean and variance.
fn moments(samples: &[f64]) -> (f64, f64) {
    let count = u32::try_from(samples.len()).unwrap();
    let mean = samples.iter().sum::<f64>() / f64::from(count);
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (mean, squares / f64::from(count - 1))
}

/// Welch's t, and by how many percent the second is slower, without the slowest tenth of both
/// together: those are what the machine did meanwhile.
fn compare(first: &[f64], second: &[f64]) -> (f64, f64) {
    let mut all = [first, second].concat();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() / 10 * 9];
    let cropped = |samples: &[f64]| -> Vec<f64> {
        samples
            .iter()
            .copied()
            .filter(|sample| *sample <= limit)
            .collect()
    };
    let (first, second) = (cropped(first), cropped(second));
    let ((mean, variance), (other, other_variance)) = (moments(&first), moments(&second));
    let count = |samples: &[f64]| f64::from(u32::try_from(samples.len()).unwrap());
    let error = (variance / count(&first) + other_variance / count(&second)).sqrt();
    if error == 0.0 {
        return (0.0, 0.0);
    }
    ((other - mean) / error, (other / mean - 1.0) * 100.0)
}

/// A different order in each round, the same in each run.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        order.swap(last, usize::try_from(*state >> 33).unwrap() % (last + 1));
    }
}

/// Has all kinds take turns.
async fn sample(kinds: &mut [Kind], expected: &str) {
    let hasher = Metered::new();
    let flow = flow(hasher.clone());
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    let (start, mut state) = (Instant::now(), 1);
    for round in 0..=ROUNDS {
        if start.elapsed() > LONGEST {
            break;
        }
        shuffle(&mut order, &mut state);
        for kind in &order {
            let kind = &mut kinds[*kind];
            let request = token_request(kind.form.clone());
            let used = hasher.used.load(Ordering::SeqCst);
            let start = Instant::now();
            let answer: Answer = send(flow.token_service(), request).await;
            let time = start.elapsed();
            let used = hasher.used.load(Ordering::SeqCst) - used;
            assert_eq!(answer.json["error"], expected, "{}", kind.name);
            // The first round warms up.
            if round > 0 {
                kind.wall.push(time.as_secs_f64() * 1e3);
                kind.core
                    .push(Duration::from_nanos(used).as_secs_f64() * 1e3);
            }
        }
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Prints how all others compare to the first, and gives the largest |t| of each column.
fn print(kinds: &[Kind]) -> (f64, f64) {
    let (base, others) = kinds.split_first().unwrap();
    println!(
        "{} samples of each kind, compared to: {}",
        base.wall.len(),
        base.name
    );
    println!("| kind | median ms | wall: t | | core: t | |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut largest = (0.0_f64, 0.0_f64);
    println!("| {} | {:.3} | | | | |", base.name, median(&base.wall));
    for kind in others {
        let (wall, slower) = compare(&base.wall, &kind.wall);
        let (core, costlier) = compare(&base.core, &kind.core);
        println!(
            "| {} | {:.3} | {wall:+.2} | {slower:+.3} % | {core:+.2} | {costlier:+.3} % |",
            kind.name,
            median(&kind.wall),
        );
        largest = (largest.0.max(wall.abs()), largest.1.max(core.abs()));
    }
    largest
}

/// OWASP ASVS 6.3.8: the time of a refusal does not tell whether there is such an account, nor in
/// what state it is.
#[tokio::test]
#[ignore = "measures for up to half an hour; run by hand"]
async fn no_refusal_tells_by_its_time_who_has_an_account() {
    let long = "x".repeat(73);
    let mut kinds = [
        Kind::new("wrong password", "meera", "guess1234"),
        // What chance makes of the same.
        Kind::new("another wrong password", "meera", "guess5678"),
        Kind::new("no such user", "arjun", "guess1234"),
        Kind::new("disabled, right password", "ended", "secret123"),
        Kind::new("user without a password", "nopwd", "guess1234"),
        Kind::new("password of 73 bytes", "meera", &long),
        Kind::new("the same, no such user", "arjun", &long),
        Kind::new("stored hash unreadable", "wreck", "guess1234"),
        Kind::new("stored hash at cost 8", "cost8", "guess1234"),
    ];
    sample(&mut kinds, "invalid_grant").await;
    let (wall, core) = print(&kinds);
    assert!(wall < THRESHOLD && core < THRESHOLD, "{wall}, {core}");
}

/// What is refused before anybody is looked up: for a known user and an unknown one.
#[tokio::test]
#[ignore = "measures; run by hand"]
async fn what_is_no_request_takes_the_same_time_for_everybody() {
    for (what, password) in [("empty", ""), ("with NUL", "guess%00")] {
        let mut kinds = [
            Kind::new("known", "meera", password),
            Kind::new("known again", "meera", password),
            Kind::new("unknown", "arjun", password),
        ];
        sample(&mut kinds, "invalid_request").await;
        println!("password {what}:");
        let (wall, _) = print(&kinds);
        assert!(wall < THRESHOLD, "{wall}");
    }
}
