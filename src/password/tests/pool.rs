use std::{
    cell::RefCell,
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use futures_util::FutureExt;

use super::{
    HashingPool, PoolError,
    held::{Held, Meeting, PATIENCE, begin, block_on, eventually},
};

fn pool(threads: usize, waiting: usize) -> HashingPool {
    HashingPool::new(threads.try_into().unwrap(), waiting)
}

#[test]
fn as_many_jobs_work_at_once_as_the_pool_has_threads() {
    const THREADS: usize = 4;
    let pool = pool(THREADS, 0);
    let meeting = Arc::new(Meeting::default());
    let jobs: Vec<_> = (0..THREADS)
        .map(|_| {
            let meeting = Arc::clone(&meeting);
            let job = move || (meeting.wait_for(THREADS), thread::current().id());
            Box::pin(pool.run(job))
        })
        .collect();

    let results = block_on(futures_util::future::join_all(jobs));

    let threads: HashSet<_> = results
        .into_iter()
        .map(|result| {
            let (met, thread) = result.unwrap();
            assert!(met, "they did not all work at once");
            thread
        })
        .collect();
    assert_eq!(threads.len(), THREADS);
}

#[test]
fn never_do_more_jobs_work_at_once_than_the_pool_has_threads() {
    const THREADS: usize = 2;
    const JOBS: usize = 12;
    let pool = pool(THREADS, JOBS);
    let at_work = Arc::new(AtomicUsize::new(0));
    let (begins, begun) = channel();
    let (end, ended) = channel();
    let ended = Arc::new(Mutex::new(ended));
    let jobs: Vec<_> = (0..JOBS)
        .map(|_| {
            let (at_work, begins, ended) = (Arc::clone(&at_work), begins.clone(), ended.clone());
            begin(pool.run(move || {
                let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                begins.send(()).unwrap();
                ended.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                at_work.fetch_sub(1, Ordering::SeqCst);
                now
            }))
        })
        .collect();

    for _ in 0..JOBS {
        begun.recv_timeout(PATIENCE).unwrap();
        assert!(pool.working() <= THREADS);
        end.send(()).unwrap();
    }

    let at_once = jobs.into_iter().map(|job| block_on(job).unwrap()).max();
    assert!(at_once <= Some(THREADS), "{at_once:?}");
}

#[test]
fn whoever_comes_after_the_last_place_is_told_so_at_once() {
    let pool = pool(1, 2);
    let (held, job) = Held::new();
    let worker = begin(pool.run(job));
    held.wait_for_begin();
    let first = begin(pool.run(|| 1));
    let second = begin(pool.run(|| 2));

    assert_eq!((pool.working(), pool.waiting()), (1, 2));
    assert_eq!(pool.run(|| 3).now_or_never(), Some(Err(PoolError::Full)));

    held.end();
    assert_eq!(block_on(worker), Ok(()));
    assert_eq!((block_on(first), block_on(second)), (Ok(1), Ok(2)));
    assert_eq!(block_on(pool.run(|| 4)), Ok(4));
}

/// A client that goes away must not make room for one more hash than there are cores for.
#[test]
fn a_cancelled_job_that_has_begun_keeps_its_place_until_it_ends() {
    let pool = pool(1, 0);
    let (held, job) = Held::new();
    let cancelled = begin(pool.run(job));
    held.wait_for_begin();

    drop(cancelled);

    assert_eq!(pool.working(), 1);
    assert_eq!(pool.run(|| 1).now_or_never(), Some(Err(PoolError::Full)));
    held.end();
    eventually("the place is free", || pool.working() == 0);
    assert_eq!(block_on(pool.run(|| 2)), Ok(2));
}

#[test]
fn a_waiter_that_goes_away_gives_its_place_to_the_next() {
    let pool = pool(1, 1);
    let (held, job) = Held::new();
    let worker = begin(pool.run(job));
    held.wait_for_begin();
    let abandoned = begin(pool.run(|| 1));
    assert_eq!(pool.run(|| 2).now_or_never(), Some(Err(PoolError::Full)));

    drop(abandoned);
    let next = begin(pool.run(|| 3));

    assert_eq!(pool.waiting(), 1);
    held.end();
    assert_eq!(block_on(worker), Ok(()));
    assert_eq!(block_on(next), Ok(3));
}

#[test]
fn a_waiter_that_goes_away_is_not_worked_for() {
    let pool = pool(1, 8);
    let (held, job) = Held::new();
    let worker = begin(pool.run(job));
    held.wait_for_begin();
    let (unwanted, job) = Held::new();
    drop(begin(pool.run(job)));

    held.end();
    assert_eq!(block_on(worker), Ok(()));
    assert_eq!(block_on(pool.run(|| 1)), Ok(1));

    assert!(!unwanted.has_begun());
}

#[test]
fn a_job_that_panics_costs_the_pool_nothing() {
    let pool = pool(2, 0);
    for _ in 0..3 {
        let panicking = pool.run(|| panic!("a job with a bug"));
        let answer: Result<(), PoolError> = block_on(panicking);
        assert_eq!(answer, Err(PoolError::Panicked));
        eventually("the place is free", || pool.working() == 0);
    }

    let meeting = Arc::new(Meeting::default());
    let other = Arc::clone(&meeting);
    let first = begin(pool.run(move || other.wait_for(2)));
    assert_eq!(block_on(pool.run(move || meeting.wait_for(2))), Ok(true));
    assert_eq!(block_on(first), Ok(true));
}

#[test]
fn one_thread_works_in_the_order_of_arrival() {
    let pool = pool(1, 10);
    let (held, job) = Held::new();
    let worker = begin(pool.run(job));
    held.wait_for_begin();
    let (log, done) = channel();
    let jobs: Vec<_> = (0..10)
        .map(|number| {
            let log = log.clone();
            begin(pool.run(move || log.send(number).unwrap()))
        })
        .collect();

    held.end();
    block_on(worker).unwrap();
    // Awaited from last to first: the order of work is not the order of asking for results.
    for job in jobs.into_iter().rev() {
        block_on(job).unwrap();
    }

    assert!(done.try_iter().eq(0..10));
}

/// One client that asks, waits for the answer and asks again needs one place.
#[test]
fn a_place_is_free_when_the_answer_is_there() {
    let pool = pool(1, 0);
    for round in 0..2_000 {
        assert_eq!(block_on(pool.run(move || round)), Ok(round));
    }
}

/// Sends a word when the thread that it lives on has ended.
struct Farewell(Sender<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

thread_local! {
    static FAREWELL: RefCell<Option<Farewell>> = const { RefCell::new(None) };
}

/// Runs a job that makes its thread say farewell.
fn watch_thread(pool: &HashingPool) -> Receiver<()> {
    let (ends, ended) = channel();
    let job = move || FAREWELL.set(Some(Farewell(ends)));
    block_on(pool.run(job)).unwrap();
    ended
}

#[test]
fn the_threads_end_with_the_last_clone_of_the_pool() {
    let pool = pool(1, 1);
    let ended = watch_thread(&pool);
    let clone = pool.clone();

    drop(pool);
    assert_eq!(block_on(clone.run(|| 1)), Ok(1));
    assert!(ended.try_recv().is_err());

    drop(clone);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(()));
}

#[test]
fn work_that_has_begun_is_finished_when_the_pool_is_gone() {
    let pool = pool(1, 0);
    let ended = watch_thread(&pool);
    eventually("the place is free", || pool.working() == 0);
    let (held, job) = Held::new();
    let (says, said) = channel();
    let cancelled = begin(pool.run(move || {
        job();
        says.send(()).unwrap();
    }));
    held.wait_for_begin();

    drop(cancelled);
    drop(pool);
    assert!(ended.try_recv().is_err());

    held.end();
    assert_eq!(said.recv_timeout(PATIENCE), Ok(()));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(()));
}

#[tokio::test]
async fn the_async_worker_is_free_while_a_job_is_at_work() {
    let pool = pool(1, 0);
    let (held, job) = Held::new();
    let worker = tokio::spawn(async move { pool.run(job).await });
    while !held.has_begun() {
        tokio::task::yield_now().await;
    }

    // On this one thread the next line runs only because the job runs elsewhere.
    held.end();

    assert_eq!(worker.await.unwrap(), Ok(()));
}

#[test]
fn the_default_is_a_thread_for_each_core_and_16_places_for_each_thread() {
    let cores = thread::available_parallelism().unwrap().get();
    let expected = format!(
        "HashingPool {{ threads: {cores}, waiting: {}, .. }}",
        cores * 16
    );
    assert_eq!(format!("{:?}", HashingPool::default()), expected);
}
