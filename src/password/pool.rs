use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use futures_channel::oneshot;

use crate::observe::Queued;

/// How many checks may wait for each that can be at work, unless told otherwise.
const WAITING_PER_THREAD: usize = 16;

/// Threads for password hashes, away from the async workers, in a limited number.
///
/// A hash at cost 12 keeps a core busy for 0.2 s. On an async worker it would hold up every
/// request behind it, and without a limit a crowd of logins would take all memory and all cores.
/// So at most `threads` hashes are at work, at most `waiting` wait for them, and whoever comes
/// after those is told so at once ([`PoolError::Full`], 503 to the client).
///
/// A slot belongs to the hash and not to the request: a client that goes away frees nothing
/// until the hash is done. One that goes away while it waits gives its place to the next.
///
/// Threads start when they are first needed and end when the last clone of the pool is dropped
/// and the work is done.
#[derive(Clone)]
pub struct HashingPool {
    handle: Arc<Handle>,
}

impl HashingPool {
    /// At most `threads` hashes at work at a time, and at most `waiting` waiting for them.
    pub fn new(threads: NonZeroUsize, waiting: usize) -> Self {
        let shared = Shared {
            limits: Limits {
                threads: threads.get(),
                waiting,
            },
            state: Mutex::default(),
            work: Condvar::new(),
        };
        let handle = Arc::new(Handle {
            shared: Arc::new(shared),
        });
        Self { handle }
    }

    /// The number of hashes at work now.
    pub fn working(&self) -> usize {
        self.shared().lock().working
    }

    /// The number of hashes that wait for a thread now.
    pub fn waiting(&self) -> usize {
        self.shared().lock().queue.len()
    }

    /// Runs `job` on a thread of the pool and answers with its result.
    ///
    /// # Errors
    ///
    /// [`PoolError::Full`] if too many wait already; [`PoolError::NoThread`] if the system gives
    /// no thread; [`PoolError::Panicked`] if `job` panicked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the result. A job that has begun runs to its end.
    pub async fn run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = Queued::new();
        self.enqueue(Box::new(Work { job, reply, queued }))?;
        answer.await.map_err(|_| PoolError::Panicked)
    }

    fn enqueue(&self, task: Box<dyn Task>) -> Result<(), PoolError> {
        let shared = self.shared();
        let mut state = shared.lock();
        let places = shared.limits.threads.saturating_add(shared.limits.waiting);
        let mut abandoned: VecDeque<Box<dyn Task>> = VecDeque::new();
        if state.working + state.queue.len() >= places {
            let (gone, wanted) = state.queue.drain(..).partition(|task| task.is_abandoned());
            abandoned = gone;
            state.queue = wanted;
        }
        if state.working + state.queue.len() >= places {
            return Err(PoolError::Full);
        }
        let wanted = state.working + state.queue.len() + 1;
        if state.threads < shared.limits.threads.min(wanted) {
            match start_thread(shared) {
                Ok(()) => state.threads += 1,
                // With fewer threads than allowed the work takes longer; with none it never ends.
                Err(error) if state.threads == 0 => return Err(PoolError::NoThread(error.kind())),
                Err(_) => {}
            }
        }
        state.queue.push_back(task);
        drop(state);
        // Only now: a job may hold something whose drop comes back to this pool.
        drop(abandoned);
        shared.work.notify_one();
        Ok(())
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// One thread for each core, and 16 places to wait for each thread: at cost 12 the last in the
/// queue waits about 3.5 s.
impl Default for HashingPool {
    fn default() -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(threads, threads.get().saturating_mul(WAITING_PER_THREAD))
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { threads, waiting } = self.shared().limits;
        f.debug_struct("HashingPool")
            .field("threads", &threads)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

/// What the clones of a pool share, and its threads do not: its drop sends the threads home.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Clone, Copy)]
struct Limits {
    threads: usize,
    waiting: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn Task>>,
    working: usize,
    threads: usize,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, so a poisoned state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Some(task) = self.next_task() {
            task.run(&|| self.lock().working -= 1);
        }
    }

    /// The next task, now counted as at work; `None` when the pool is gone and nothing is left.
    fn next_task(&self) -> Option<Box<dyn Task>> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.queue.pop_front() {
                state.working += 1;
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn start_thread(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name("password-hash".to_owned());
    thread.spawn(move || shared.serve()).map(drop)
}

trait Task: Send {
    fn is_abandoned(&self) -> bool;

    /// Does the work, then gives the place free, then answers: whoever has the answer finds the
    /// place free.
    fn run(self: Box<Self>, free: &dyn Fn());
}

struct Work<F, T> {
    job: F,
    reply: oneshot::Sender<T>,
    queued: Queued,
}

impl<F, T> Task for Work<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_canceled()
    }

    fn run(self: Box<Self>, free: &dyn Fn()) {
        let abandoned = self.is_abandoned();
        let Self { job, reply, queued } = *self;
        queued.ends(!abandoned);
        // The payload of a panic was for the panic hook; the requester learns of it by a reply
        // that never comes.
        let result = catch_unwind(AssertUnwindSafe(move || (!abandoned).then(job)));
        free();
        if let Ok(Some(result)) = result {
            // The requester may have gone meanwhile: then nobody needs it.
            reply.send(result).ok();
        }
    }
}

/// Why the pool has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// As many jobs wait as may. Try again in a second.
    Full,
    /// The operating system gave no thread.
    NoThread(std::io::ErrorKind),
    /// The job panicked.
    Panicked,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("too many password checks are waiting"),
            Self::NoThread(kind) => write!(f, "no thread for password checks: {kind}"),
            Self::Panicked => f.write_str("the password check panicked"),
        }
    }
}

impl Error for PoolError {}
