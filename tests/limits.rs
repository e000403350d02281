//! What a request to a form endpoint may take: each limit and its answer, to the last byte.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Version, header};
use http_body::{Body, Frame};
use tokio::time::Sleep;
use tower::ServiceExt;
use tower_oauth2_password::{
    MemoryClients,
    token::{Limits, TokenError},
};

use crate::support::{
    Answer, Counting, FORM, Flow, LOGIN,
    clients::{basic, clients},
    flow, send, token_request,
};

const BOTH: Option<&str> = Some("items:read me");
const TOO_SLOW: &str =
    r#"{"error":"invalid_request","error_description":"the body took too long"}"#;

fn limited(limits: Limits) -> Flow {
    flow().0.with_limits(limits)
}

fn in_millis(millis: u64) -> Flow {
    limited(Limits::default().with_body_time(Duration::from_millis(millis)))
}

/// A body whose bytes come one by one, each after a pause; without a pause it never comes.
struct Drip {
    bytes: Bytes,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
    dropped: Arc<AtomicUsize>,
}

impl Drip {
    fn new(bytes: &'static str, pause: u64) -> Self {
        let pause = Duration::from_millis(pause);
        Self {
            bytes: bytes.into(),
            pause: Some((pause, Box::pin(tokio::time::sleep(pause)))),
            dropped: Arc::default(),
        }
    }

    fn never() -> Self {
        Self {
            bytes: Bytes::new(),
            pause: None,
            dropped: Arc::default(),
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((pause, sleep)) = &mut self.pause else {
            return Poll::Pending;
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        sleep.set(tokio::time::sleep(*pause));
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let byte = self.bytes.split_to(1);
        Poll::Ready(Some(Ok(Frame::data(byte))))
    }
}

impl Drop for Drip {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn post<B>(body: B) -> Request<B> {
    let request = Request::post("/token").header(header::CONTENT_TYPE, FORM);
    request.body(body).unwrap()
}

/// Asserts 408 as HTTP/1.1 has it.
#[track_caller]
fn expect_too_slow(answer: &Answer) {
    assert_eq!(answer.status, 408, "{answer:?}");
    assert_eq!(
        answer.fields(),
        [
            ("cache-control", "no-store"),
            ("connection", "close"),
            ("content-type", "application/json"),
            ("pragma", "no-cache"),
        ]
    );
    assert_eq!(answer.body, TOO_SLOW);
}

/// RFC 9110 §15.5.9: 408, and the connection is no good for another request.
#[tokio::test]
async fn a_body_that_never_comes_is_cut_off_at_the_limit() {
    let begun = Instant::now();
    let body = Drip::never();
    let dropped = Arc::clone(&body.dropped);
    let answer = send(in_millis(60).token_service(), post(body)).await;
    let took = begun.elapsed();
    expect_too_slow(&answer);
    assert!(took >= Duration::from_millis(60), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "the body is still held");
    let told = answer.extensions.get::<TokenError>().unwrap().to_string();
    assert_eq!(told, "the body took too long");
}

/// The limit is one of the whole body: each byte buys nothing. Nothing is hashed.
#[tokio::test]
async fn a_body_that_drips_is_cut_off_at_the_limit() {
    let hasher = Counting::default();
    let flow = in_millis(100).with_hasher(hasher.clone());
    let begun = Instant::now();
    let answer = send(flow.token_service(), post(Drip::new(LOGIN, 10))).await;
    let took = begun.elapsed();
    expect_too_slow(&answer);
    assert!(took >= Duration::from_millis(100), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(hasher.hashes_made(), 0);
}

/// RFC 9113 §8.2.2: HTTP/2 has no `Connection`; the server resets the stream.
#[tokio::test]
async fn http_2_is_told_without_a_connection_field() {
    let mut request = post(Drip::never());
    *request.version_mut() = Version::HTTP_2;
    let answer = send(in_millis(20).token_service(), request).await;
    answer.expect_error(408, "invalid_request", "the body took too long");
}

/// A slow body that is there in time is as good as any.
#[tokio::test]
async fn a_body_that_drips_but_is_there_in_time_is_read() {
    let answer = send(flow().0.token_service(), post(Drip::new(LOGIN, 1))).await;
    answer.expect_token(BOTH);
}

/// Frames without a byte count for no limit of bytes, so they may not buy time either.
#[tokio::test]
async fn frames_without_end_and_without_bytes_are_cut_off() {
    struct Empty;
    impl Body for Empty {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }
    let answer = send(in_millis(20).token_service(), post(Empty)).await;
    expect_too_slow(&answer);
}

/// The ends of what can be set: neither is a panic.
#[tokio::test]
async fn time_may_be_nothing_or_without_end() {
    let none = in_millis(0).token_service();
    expect_too_slow(&send(none, token_request(LOGIN)).await);
    let all = limited(Limits::default().with_body_time(Duration::MAX)).token_service();
    send(all, post(Drip::new(LOGIN, 1)))
        .await
        .expect_token(BOTH);
}

/// The thread that keeps the time serves the nearest deadline first, whoever came first.
#[tokio::test]
async fn each_body_has_its_own_deadline() {
    let all = (0..200_u64).map(|number| {
        // Longest first.
        let limit = 400 - 2 * number;
        async move {
            let begun = Instant::now();
            let answer = send(in_millis(limit).token_service(), post(Drip::never())).await;
            expect_too_slow(&answer);
            (limit, begun.elapsed())
        }
    });
    let all = futures_util::future::join_all(all).await;
    for (limit, took) in all {
        let limit = Duration::from_millis(limit);
        assert!(took >= limit, "{took:?} instead of {limit:?}");
        assert!(
            took < limit + Duration::from_secs(3),
            "{took:?} instead of {limit:?}"
        );
    }
}

/// The time is kept without tokio.
#[test]
fn a_body_is_cut_off_on_any_runtime() {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut response = pin!(in_millis(30).token_service().oneshot(post(Drip::never())));
    let begun = Instant::now();
    let response = loop {
        if let Poll::Ready(response) = response.as_mut().poll(&mut Context::from_waker(&waker)) {
            break response.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody wakes it");
        thread::park_timeout(Duration::from_secs(5));
    };
    assert_eq!(response.status(), 408);
}

/// Runtimes are foreign code: one whose waker panics takes no other's deadline with it.
#[tokio::test]
async fn a_waker_that_panics_stops_nobody_elses_time() {
    struct Broken;
    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("this waker is broken on purpose");
        }
    }
    let waker = Waker::from(Arc::new(Broken));
    let request = post(Drip::never());
    let mut response = pin!(in_millis(10).token_service().oneshot(request));
    let polled = response.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    thread::sleep(Duration::from_millis(40));
    let other = send(in_millis(20).token_service(), post(Drip::never()));
    let other = tokio::time::timeout(Duration::from_secs(5), other).await;
    expect_too_slow(&other.expect("nobody keeps the time any more"));
}

/// A body as long as the limit is read, announced or not; one byte more is not.
#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit() {
    let most = Limits::default().with_body_bytes(LOGIN.len());
    let service = limited(most).token_service();
    let answer = send(service.clone(), token_request(LOGIN)).await;
    answer.expect_token(BOTH);
    let answer = send(service.clone(), post(Drip::new(LOGIN, 1))).await;
    answer.expect_token(BOTH);

    let less = Limits::default().with_body_bytes(LOGIN.len() - 1);
    let service = limited(less).token_service();
    let answer = send(service.clone(), token_request(LOGIN)).await;
    answer.expect_error(413, "invalid_request", "the body is too large");
    let answer = send(service, post(Drip::new(LOGIN, 1))).await;
    answer.expect_error(413, "invalid_request", "the body is too large");
}

/// As many parameters as the limit are read; one more is none of a grant.
#[tokio::test]
async fn a_form_may_have_as_many_parameters_as_the_limit() {
    let answer = send(
        limited(Limits::default().with_parameters(3)).token_service(),
        token_request(LOGIN),
    );
    answer.await.expect_token(BOTH);
    let answer = send(
        limited(Limits::default().with_parameters(2)).token_service(),
        token_request(LOGIN),
    );
    let told = "there are too many parameters";
    answer.await.expect_error(400, "invalid_request", told);
    let more = |count: usize| {
        let fillers = (3..count).map(|number| format!("&x{number}=1"));
        token_request(format!("{LOGIN}{}", fillers.collect::<String>()))
    };
    let service = flow().0.token_service();
    send(service.clone(), more(64)).await.expect_token(BOTH);
    let answer = send(service, more(65)).await;
    answer.expect_error(400, "invalid_request", told);
}

/// RFC 6749 §2.3.1: credentials as long as the limit are looked at; longer ones are not.
#[tokio::test]
async fn client_credentials_may_be_as_long_as_the_limit() {
    let credentials = basic("backend", "b4ckend-s3cret");
    let ask = async |flow: Flow, field: &str| {
        let mut request = token_request(LOGIN);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, field.parse().unwrap());
        send(flow.token_service(), request).await
    };
    let with = |limits| limited(limits).with_clients(MemoryClients::new(clients()));

    let most = Limits::default().with_credential_bytes(credentials.len());
    assert_eq!(ask(with(most), &credentials).await.status, 200);
    let less = Limits::default().with_credential_bytes(credentials.len() - 1);
    let answer = ask(with(less), &credentials).await;
    let told = "the client credentials are too long";
    answer.expect_error(400, "invalid_request", told);
    let long = format!("Basic {}", "A".repeat(8 * 1024 - 5));
    let answer = ask(with(Limits::default()), &long).await;
    answer.expect_error(400, "invalid_request", told);

    // Without clients nobody looks, as ever.
    let answer = ask(limited(less), &credentials).await;
    answer.expect_token(BOTH);
}

/// All form endpoints of a flow have the limits of the flow.
#[tokio::test]
async fn every_form_endpoint_has_the_limits() {
    let flow = in_millis(20).with_clients(MemoryClients::new(clients()));
    expect_too_slow(&send(flow.token_service(), post(Drip::never())).await);
    expect_too_slow(&send(flow.revocation_service(), post(Drip::never())).await);
    expect_too_slow(&send(flow.introspection_service(), post(Drip::never())).await);
    let layer = flow.token_layer("/token").unwrap();
    let inner = tower::service_fn(async |_| Ok(http::Response::new(String::new())));
    let service = tower::Layer::layer(&layer, inner);
    expect_too_slow(&send(service, post(Drip::never())).await);
}
