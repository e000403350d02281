//! Several ways to do the same, measured in turn.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    marker::PhantomData,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode};
use tower::Service;

use crate::counting;

/// One turn: how long it took and what it allocated, without what has to be prepared.
#[derive(Clone, Copy)]
pub struct Turn {
    pub time: Duration,
    pub allocations: usize,
}

/// Does it so many times.
pub type Batch = Box<dyn FnMut(usize) -> Turn>;

pub struct Contender {
    pub name: &'static str,
    /// How often it does it before it is the next one's turn.
    pub calls: usize,
    pub batch: Batch,
}

impl Contender {
    pub fn new(name: &'static str, calls: usize, batch: Batch) -> Self {
        Self { name, calls, batch }
    }
}

/// Nanoseconds per call: the lower quartile, the median and the upper quartile; or their ratios.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let [low, median, high] = [1, 2, 3].map(|quarter| values[values.len() * quarter / 4]);
        Self { low, median, high }
    }
}

/// What everybody took in every round.
pub struct Outcome {
    names: Vec<&'static str>,
    /// Nanoseconds per call, by contender and round.
    rounds: Vec<Vec<f64>>,
    allocations: Vec<usize>,
}

/// Who begins changes with every round, as who comes later may find something warm.
pub fn compete(contenders: &mut [Contender], rounds: usize) -> Outcome {
    let count = contenders.len();
    let mut outcome = Outcome {
        names: contenders.iter().map(|contender| contender.name).collect(),
        rounds: vec![Vec::with_capacity(rounds); count],
        allocations: vec![usize::MAX; count],
    };
    let warm = rounds / 20 + 1;
    for round in 0..warm + rounds {
        for turn in 0..count {
            let who = (round + turn) % count;
            let Contender { calls, batch, .. } = &mut contenders[who];
            let turn = batch(*calls);
            if round >= warm {
                outcome.rounds[who].push(per_call(turn.time, *calls));
                let allocations = turn.allocations / *calls;
                outcome.allocations[who] = outcome.allocations[who].min(allocations);
            }
        }
    }
    outcome
}

pub fn per_call(time: Duration, calls: usize) -> f64 {
    time.as_secs_f64() * 1e9 / f64::from(u32::try_from(calls).unwrap())
}

impl Outcome {
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    fn rounds(&self, name: &str) -> &[f64] {
        let who = self.names.iter().position(|own| *own == name);
        &self.rounds[who.unwrap_or_else(|| panic!("nobody is called {name}"))]
    }

    pub fn allocations(&self, name: &str) -> usize {
        let who = self.names.iter().position(|own| *own == name);
        self.allocations[who.unwrap()]
    }

    pub fn time(&self, name: &str) -> Spread {
        Spread::of(self.rounds(name).to_vec())
    }

    /// The time beyond that of `bare`, round by round.
    fn beyond(&self, name: &str, bare: &str) -> Vec<f64> {
        let pairs = self.rounds(name).iter().zip(self.rounds(bare));
        pairs.map(|(time, bare)| time - bare).collect()
    }

    pub fn overhead(&self, name: &str, bare: &str) -> Spread {
        Spread::of(self.beyond(name, bare))
    }

    /// The ratio of the overheads of `one` and `other`, each a name and who is its bare service.
    pub fn ratio_of_overheads(&self, one: [&str; 2], other: [&str; 2]) -> Spread {
        let [one, other] = [one, other].map(|[name, bare]| self.beyond(name, bare));
        Spread::of(one.iter().zip(&other).map(|(a, b)| a / b).collect())
    }

    pub fn ratio(&self, one: &str, other: &str) -> Spread {
        let pairs = self.rounds(one).iter().zip(self.rounds(other));
        Spread::of(pairs.map(|(a, b)| a / b).collect())
    }
}

/// How many requests are made before they are sent. A server handles what it has just read: with a
/// thousand at once the requests would have to come back into a processor's cache, and their memory
/// would go where an allocator puts what is left of a crowd.
const AT_ONCE: usize = 5;

/// Sends to `service` what `request` makes, and demands an answer at once, with `status`.
pub fn requests<S, B, R>(
    mut service: S,
    status: StatusCode,
    mut request: impl FnMut() -> Request<B> + 'static,
) -> Batch
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + 'static,
    B: 'static,
{
    Box::new(move |calls| {
        let mut turn = Turn {
            time: Duration::ZERO,
            allocations: 0,
        };
        for _ in 0..calls / AT_ONCE {
            let requests = [(); AT_ONCE].map(|()| request());
            let some = send(&mut service, status, requests);
            turn.time += some.time;
            turn.allocations += some.allocations;
        }
        turn
    })
}

pub fn send<S, B, R>(
    service: &mut S,
    status: StatusCode,
    requests: impl IntoIterator<Item = Request<B>>,
) -> Turn
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    let before = counting::allocations();
    let start = Instant::now();
    for request in requests {
        assert!(service.poll_ready(&mut context).is_ready());
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else {
            panic!("nobody has to wait");
        };
        assert_eq!(response.status(), status);
    }
    Turn {
        time: start.elapsed(),
        allocations: counting::allocations() - before,
    }
}

/// What everybody guards. It answers with the empty body of its framework.
pub struct Inner<B>(PhantomData<fn() -> B>);

impl<B> Inner<B> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<B> Clone for Inner<B> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<B: Default> Service<Request<B>> for Inner<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::default()))
    }
}
