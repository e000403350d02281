//! What a request with a good token costs in allocations.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(unreachable_pub, reason = "a benchmark shares it")]
#[path = "support/counting.rs"]
mod counting;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Extensions, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow,
    model::{CookieName, PasswordHash, Subject},
    password::Bcrypt,
    store::{Account, UserStore},
    token::Identity,
};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn count<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = counting::allocations();
    let result = work();
    (counting::allocations() - before, result)
}

struct User {
    name: String,
}

/// Answers 204 if it saw meera, without allocating.
#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<Full<bytes::Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let user = request.extensions().get::<Authenticated<User>>();
        let mut response = Response::new(Full::default());
        if user.is_some_and(|user| user.name == "Meera") {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        ready(Ok(response))
    }
}

async fn flow_and_token() -> (PasswordFlow<MemoryUsers<User>, MemoryTokens>, String) {
    let user = User {
        name: "Meera".to_owned(),
    };
    let users = MemoryUsers::new().with_hasher(Bcrypt::new(4).unwrap());
    let users = users.with_user("meera", "secret123", user).unwrap();
    let flow = PasswordFlow::new(users, MemoryTokens::new());
    let identity = Identity::new(Subject::new("meera").unwrap());
    let identity = identity.with_scope("me items:read".parse().unwrap());
    let issued = flow.issuer().issue(identity).await.unwrap();
    (flow, issued.token().expose().to_owned())
}

/// The hit path allocates what `Extensions::insert` does on a fresh request, and nothing else.
#[tokio::test]
async fn a_bearer_hit_allocates_no_more_than_putting_the_user_into_the_extensions() {
    let (flow, token) = flow_and_token().await;
    let mut service = flow.bearer_layer().layer(Handler);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());

    let request = |token: &str| {
        let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
        request.body(()).unwrap()
    };
    let mut send = |request| {
        count(|| {
            let mut future = std::pin::pin!(service.call(request));
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(response)) => response.status(),
                Poll::Pending => panic!("a hit in memory had to wait"),
            }
        })
    };

    let (bare, _) = count(|| {
        let mut extensions = Extensions::new();
        let session = tower_oauth2_password::model::Session::new(
            Subject::new("meera").unwrap(),
            tower_oauth2_password::model::Timestamp::from_secs(0),
            tower_oauth2_password::model::Timestamp::from_secs(1),
        );
        let user = Authenticated::new(
            Arc::new(User {
                name: String::new(),
            }),
            session,
        );
        // The user's `Arc` is made here only.
        extensions.insert(user);
        extensions
    });
    let insert = bare - 1;
    assert_eq!(insert, 3, "what `Extensions::insert` needs has changed");

    // The first request of a thread introduces the thread to the stores.
    send(request(&token));
    let (hit, status) = send(request(&token));
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(hit, insert);
    println!("a hit allocates {hit} times, Extensions::insert {insert} times");

    // The handler tells a hit from a miss, so the count above is one of a hit.
    let (_, status) = send(request("unknown"));
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

/// A hash that is gone from the store is wiped, not kept until others have gone as well.
#[tokio::test]
async fn a_replaced_password_hash_is_dropped_at_once() {
    let user = User {
        name: "Meera".to_owned(),
    };
    let users = MemoryUsers::new();
    let subject = Subject::new("meera").unwrap();
    let hash = |number: usize| PasswordHash::new(format!("$2b$04${number:053}"));
    let account = Account::new(subject.clone()).with_hash(hash(0));
    users.insert("meera", account, user).unwrap();
    let mut before = None;
    for number in 0..40 {
        let (old, new) = (hash(number), hash(number + 1));
        assert!(users.replace_hash(&subject, &old, new).await.unwrap());
        drop(old);
        // The first call may make room that stays.
        let before = *before.get_or_insert(counting::held());
        assert_eq!(counting::held(), before, "after {number} others");
    }
}

/// A `HeaderMap` that is full grows when it is asked for an entry, though the entry is there.
#[tokio::test]
async fn marking_the_cookie_leaves_the_size_of_the_headers_as_it_is() {
    let (flow, token) = flow_and_token().await;
    let layer = flow.bearer_layer();
    let name = CookieName::new("__Host-token").unwrap();
    let mut service = layer.with_cookie(name).layer(Handler);
    let mut cx = Context::from_waker(Waker::noop());
    let mut send = |others: usize| {
        let cookie = format!("__Host-token={token}");
        let mut request = Request::get("/me").header("cookie", cookie);
        for other in 0..others {
            request = request.header(format!("x-{other}"), "1");
        }
        let request = request.body(()).unwrap();
        assert!(service.poll_ready(&mut cx).is_ready());
        let (allocations, answer) = count(|| {
            let mut future = std::pin::pin!(service.call(request));
            future.as_mut().poll(&mut cx)
        });
        match answer {
            Poll::Ready(Ok(answer)) => assert_eq!(answer.status(), StatusCode::NO_CONTENT),
            Poll::Pending => panic!("a hit in memory had to wait"),
        }
        allocations
    };
    // The first request of a thread introduces the thread to the stores.
    send(0);
    let alone = send(0);
    for others in 1..50 {
        assert_eq!(send(others), alone, "beside {others} other fields");
    }
}
