//! Jobs that begin and end when a test says so, without a runtime and without sleeping.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// How long a test waits for what must come at once, before it fails and does not hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// All the runtime that these tests have.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the pool gave no answer");
        thread::park_timeout(left);
    }
}

/// Hands the job of `future` to the pool, which is known to have no answer yet.
pub(super) fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let poll = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
    future
}

pub(super) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came that {what}");
        thread::yield_now();
    }
}

/// The test's side of a job that works for as long as the test likes.
pub(super) struct Held {
    begun: Receiver<()>,
    end: Sender<()>,
}

impl Held {
    pub(super) fn new() -> (Self, impl FnOnce() + Send + 'static) {
        let (begins, begun) = channel();
        let (end, ended) = channel();
        let job = move || {
            begins.send(()).ok();
            ended.recv_timeout(PATIENCE).ok();
        };
        (Self { begun, end }, job)
    }

    pub(super) fn wait_for_begin(&self) {
        self.begun.recv_timeout(PATIENCE).expect("the job begins");
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.try_recv().is_ok()
    }

    pub(super) fn end(self) {
        self.end.send(()).expect("the job is still held");
    }
}

/// Where `expected` jobs meet: opens only if all of them are here at the same time.
#[derive(Default)]
pub(super) struct Meeting {
    arrived: Mutex<usize>,
    complete: Condvar,
}

impl Meeting {
    pub(super) fn wait_for(&self, expected: usize) -> bool {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.complete.notify_all();
        let missing = |arrived: &mut usize| *arrived < expected;
        let waited = self.complete.wait_timeout_while(arrived, PATIENCE, missing);
        *waited.unwrap().0 >= expected
    }
}
