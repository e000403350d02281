//! Does one thing a thousand times, for `callgrind` to count the instructions of `counted`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    convert::Infallible,
    env,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer, Service};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{BearerToken, Subject, TokenDigest},
    store::Account,
    token::Identity,
};

const USERS: usize = 100;
const CALLS: usize = 1_000;

fn main() {
    let what = env::args().nth(1).expect("what to count");
    let (flow, tokens) = log_in();
    let mut guard = flow.bearer_layer().layer(Inner);
    let mut requests = |field: &str, status| requests(&mut guard, &tokens, field, status);
    match what.as_str() {
        "bare" => self::requests(&mut Inner, &tokens, "Bearer {}", StatusCode::OK),
        "hit" => requests("Bearer {}", StatusCode::OK),
        "unknown" => requests("Bearer {}a", StatusCode::UNAUTHORIZED),
        "malformed" => requests("Bearer {}?", StatusCode::BAD_REQUEST),
        "missing" => requests("Basic {}", StatusCode::UNAUTHORIZED),
        "token" => {
            for token in in_turn(&tokens) {
                black_box(counted_token(black_box(token)));
            }
        }
        _ => panic!("nothing is called {what}"),
    }
}

type Flow = PasswordFlow<MemoryUsers<String>, MemoryTokens>;

fn log_in() -> (Flow, Vec<String>) {
    let users = MemoryUsers::new();
    let name = |number| format!("user-{number}");
    for number in 0..USERS {
        let account = Account::new(Subject::new(name(number)).unwrap());
        users.insert(&name(number), account, name(number)).unwrap();
    }
    let flow = PasswordFlow::new(users, MemoryTokens::new());
    let issue = |number| {
        let identity = Identity::new(Subject::new(name(number)).unwrap());
        let identity = identity.with_scope("items:read me".parse().unwrap());
        let issued = flow.issuer().issue(identity).now_or_never().unwrap();
        issued.unwrap().token().expose().to_owned()
    };
    let tokens = (0..USERS).map(issue).collect();
    (flow, tokens)
}

fn in_turn(tokens: &[String]) -> impl Iterator<Item = &String> {
    tokens.iter().cycle().take(CALLS)
}

/// What is known about a token before any store is asked.
#[inline(never)]
fn counted_token(token: &str) -> TokenDigest {
    BearerToken::parse(token).unwrap().digest()
}

fn requests<S, R>(service: &mut S, tokens: &[String], field: &str, status: StatusCode)
where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible>,
{
    for token in in_turn(tokens) {
        let field = field.replace("{}", token);
        let request = Request::get("/me")
            .header(AUTHORIZATION, field)
            .body(())
            .unwrap();
        assert_eq!(counted(service, request), status);
    }
}

#[inline(never)]
fn counted<S, R>(service: &mut S, request: Request<()>) -> StatusCode
where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status(),
        _ => panic!("nobody has to wait"),
    }
}

#[derive(Clone)]
struct Inner;

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::default()))
    }
}
