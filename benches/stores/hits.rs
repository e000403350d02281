//! A hit of the cache, and one in memory: the look-up, the validator, a guarded service.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::runtime::Runtime;
use tower::{Layer, Service, service_fn};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers,
    bearer::{BearerLayer, SessionValidator, Validate},
    model::{AccessToken, BearerToken, TokenPrefix},
    store::{Account, Inserted, TokenStore, cached::Cached, sql::Sql},
};

use crate::{
    duel::{Batch, Duel},
    logins,
    servers::Folder,
};

/// How many logins are known. Requests come from all of them in turn.
const LOGINS: usize = 1_000;
/// The issue: a hit of the cache within 1.3 times one in memory.
const LIMIT: f64 = 1.30;
const ROUNDS: usize = 2_000;

/// A store that knows every token, and the users to them.
struct Known<T> {
    tokens: Arc<T>,
    users: Arc<MemoryUsers<()>>,
    access: Vec<AccessToken>,
}

pub fn duels(runtime: &Runtime) -> Vec<Duel<'static>> {
    let folder = Folder::new();
    let (cached, memory) = runtime.block_on(async {
        let sql = Sql::sqlite(folder.join("cached.db")).await.unwrap();
        sql.migrate().await.unwrap();
        // So that nothing becomes stale while it is measured. A hit is the same hit.
        let cached = Cached::new(sql.tokens()).with_staleness(Duration::from_secs(3_600));
        (known(cached).await, known(MemoryTokens::new()).await)
    });
    let (cached, memory) = (Rc::new(cached), Rc::new(memory));
    let duel = |what, ours, theirs| Duel {
        name: format!("cached/{what}"),
        ours: ("Cached", ours),
        theirs: ("MemoryTokens", theirs),
        batch: LOGINS.try_into().unwrap(),
        rounds: ROUNDS,
        limit: LIMIT,
    };
    vec![
        duel("look-up", look_ups(&cached), look_ups(&memory)),
        duel("validate", validations(&cached), validations(&memory)),
        duel("request", requests(&cached), requests(&memory)),
    ]
}

async fn known<T: TokenStore>(tokens: T) -> Known<T> {
    let users = MemoryUsers::new();
    let mut access = Vec::new();
    for _ in 0..LOGINS {
        let (login, _) = logins::make();
        let account = Account::new(login.session.subject().clone());
        users
            .insert(account.subject().clone().as_str(), account, ())
            .unwrap();
        let token = AccessToken::generate(&TokenPrefix::default()).unwrap();
        let inserted = tokens.insert(login.family, token.digest(), login.session);
        assert_eq!(inserted.await.unwrap(), Inserted::Saved);
        access.push(token);
    }
    Known {
        tokens: Arc::new(tokens),
        users: Arc::new(users),
        access,
    }
}

impl<T: TokenStore> Known<T> {
    fn validator(&self) -> SessionValidator<MemoryUsers<()>, T> {
        SessionValidator::new(Arc::clone(&self.users), Arc::clone(&self.tokens))
    }
}

fn look_ups<T: TokenStore>(known: &Rc<Known<T>>) -> Batch<'static> {
    let tokens = Arc::clone(&known.tokens);
    let digests: Vec<_> = known.access.iter().map(AccessToken::digest).collect();
    Box::new(move |count| {
        let start = Instant::now();
        for digest in in_turn(&digests, count) {
            let found = tokens.find_access_now(black_box(*digest));
            assert!(black_box(found).unwrap().unwrap().is_some());
        }
        start.elapsed()
    })
}

fn validations<T: TokenStore>(known: &Rc<Known<T>>) -> Batch<'static> {
    let (validator, known) = (known.validator(), Rc::clone(known));
    Box::new(move |count| {
        let start = Instant::now();
        for token in in_turn(&known.access, count) {
            let token = BearerToken::parse(black_box(token.expose())).unwrap();
            black_box(validator.validate_now(token).unwrap().unwrap());
        }
        start.elapsed()
    })
}

/// The requests are made beforehand, a few at a time; a server has them from its parser.
fn requests<T: TokenStore>(known: &Rc<Known<T>>) -> Batch<'static> {
    let mut service = BearerLayer::new(known.validator()).layer(service_fn(handler));
    let known = Rc::clone(known);
    Box::new(move |count| {
        let mut context = Context::from_waker(Waker::noop());
        let mut tokens = in_turn(&known.access, count);
        let mut elapsed = Duration::ZERO;
        loop {
            let requests: Vec<_> = tokens.by_ref().take(LOGINS).map(request).collect();
            if requests.is_empty() {
                return elapsed;
            }
            let start = Instant::now();
            for request in requests {
                let response = pin!(service.call(request)).poll(&mut context);
                let Poll::Ready(Ok(response)) = response else {
                    panic!("a hit does not wait");
                };
                assert_eq!(response.status(), StatusCode::OK);
            }
            elapsed += start.elapsed();
        }
    })
}

fn request(token: &AccessToken) -> Request<()> {
    Request::get("/me")
        .header(AUTHORIZATION, format!("Bearer {}", token.expose()))
        .body(())
        .unwrap()
}

fn handler(_: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    ready(Ok(Response::new(())))
}

fn in_turn<T>(all: &[T], count: u64) -> impl Iterator<Item = &T> {
    all.iter().cycle().take(count.try_into().unwrap())
}
