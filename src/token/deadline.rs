use std::{
    collections::BTreeMap,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    task::Waker,
    thread,
    time::{Duration, Instant},
};

/// Wakes a task once a time is up, on whatever runtime it runs.
///
/// This crate has no runtime, and so no timer. All deadlines share one thread, which starts when
/// the first body has to be waited for and sleeps until the next deadline. A body that is there at
/// once costs no more than a look at the clock.
pub(super) struct Deadline {
    /// `None` is later than time can tell.
    at: Option<Instant>,
    alarm: Option<Key>,
}

/// When, and a number, as two may be due at once.
type Key = (Instant, u64);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self {
            at: Instant::now().checked_add(time),
            alarm: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at.is_some_and(|at| at <= Instant::now())
    }

    /// Has `waker` woken when the time is up, in the place of the one before.
    ///
    /// # Errors
    ///
    /// What the system says, if it gives no thread: then nobody would be woken.
    pub(super) fn wake(&mut self, waker: &Waker) -> io::Result<()> {
        let Some(at) = self.at else {
            return Ok(());
        };
        let alarms = alarms();
        self.alarm = Some(alarms.set(self.alarm, at, waker)?);
        Ok(())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(key) = self.alarm.take() {
            let waker = alarms().lock().wakers.remove(&key);
            // Outside of the lock: a waker is foreign code.
            drop(waker);
        }
    }
}

fn alarms() -> &'static Alarms {
    static ALARMS: OnceLock<Alarms> = OnceLock::new();
    ALARMS.get_or_init(Alarms::default)
}

#[derive(Default)]
struct Alarms {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wakers: BTreeMap<Key, Waker>,
    next: u64,
    runs: bool,
}

impl Alarms {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, so a poisoned state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&'static self, key: Option<Key>, at: Instant, waker: &Waker) -> io::Result<Key> {
        // Before the lock, as is the drop of the old one after it: a waker is foreign code.
        let waker = waker.clone();
        let mut state = self.lock();
        if !state.runs {
            let thread = thread::Builder::new().name("body-deadline".to_owned());
            thread.spawn(|| self.ring())?;
            state.runs = true;
        }
        let key = key.unwrap_or_else(|| {
            state.next += 1;
            (at, state.next)
        });
        let old = state.wakers.insert(key, waker);
        let is_next = state.wakers.keys().next() == Some(&key);
        drop(state);
        drop(old);
        if is_next {
            self.changed.notify_one();
        }
        Ok(key)
    }

    fn ring(&self) {
        let mut state = self.lock();
        loop {
            // All before `(now, MAX)` are due.
            let now = Instant::now();
            let later = state.wakers.split_off(&(now, u64::MAX));
            let due = mem::replace(&mut state.wakers, later);
            if !due.is_empty() {
                drop(state);
                for waker in due.into_values() {
                    // One that panics must not end this thread: nobody else would be cut off.
                    catch_unwind(AssertUnwindSafe(|| waker.wake())).ok();
                }
                state = self.lock();
                continue;
            }
            let next = state.wakers.keys().next().map(|(at, _)| *at);
            state = if let Some(at) = next {
                let wait = self.changed.wait_timeout(state, at - now);
                wait.unwrap_or_else(PoisonError::into_inner).0
            } else {
                let wait = self.changed.wait(state);
                wait.unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}
