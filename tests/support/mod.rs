//! What the integration tests share: a small flow at bcrypt cost 4, requests, and answers that
//! have been read to their end.

pub mod clients;
pub mod databases;
pub mod documents;
pub mod events;
pub mod faulty;
pub mod logins;
pub mod nodes;
pub mod places;
pub mod refresh;
pub mod secrets;
pub mod servers;
pub mod silence;
pub mod stores;
pub mod wire;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{Service, ServiceExt};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{Clock, Password, PasswordHash, Timestamp},
    password::{Bcrypt, HashError, PasswordHasher},
};

/// Noon of 1970-01-01; the clock of [`flow`] stands there until a test moves it.
pub const NOON: Timestamp = Timestamp::from_secs(43_200);
pub const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
}

impl User {
    pub fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self { name }
    }
}

pub type Flow = PasswordFlow<MemoryUsers<User>, MemoryTokens>;

pub fn fast() -> Bcrypt {
    Bcrypt::new(4).unwrap()
}

/// `meera`, password `secret123`, may have `me items:read`.
pub fn users() -> MemoryUsers<User> {
    let scope = "me items:read".parse().unwrap();
    MemoryUsers::new()
        .with_hasher(fast())
        .with_scoped_user("meera", "secret123", scope, User::new("Meera"))
        .unwrap()
}

/// [`users`], a store in memory, and a clock that stands at [`NOON`].
pub fn flow() -> (Flow, Clock) {
    let clock = Clock::manual(NOON);
    let flow = PasswordFlow::new(users(), MemoryTokens::new())
        .with_hasher(fast())
        .with_clock(clock.clone());
    (flow, clock)
}

/// A form-encoded `POST /token`.
pub fn token_request(body: impl Into<Bytes>) -> Request<http_body_util::Full<Bytes>> {
    Request::post("/token")
        .header(header::CONTENT_TYPE, FORM)
        .body(http_body_util::Full::new(body.into()))
        .unwrap()
}

pub const LOGIN: &str = "grant_type=password&username=meera&password=secret123";

/// An access token for meera.
pub async fn log_in(flow: &Flow) -> String {
    let answer = send(flow.token_service(), token_request(LOGIN)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json["access_token"].as_str().unwrap().to_owned()
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub extensions: http::Extensions,
    pub body: Bytes,
    /// `Null` if the body is no JSON.
    pub json: Value,
}

impl Answer {
    /// The one field of that name as text; `None` if it is missing. Two are a failure.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.get_all(name).iter();
        let field = fields.next().map(|field| field.to_str().unwrap());
        assert!(fields.next().is_none(), "more than one {name}");
        field
    }
}

/// Sends one request and reads the whole response.
pub async fn send<S, B, R>(service: S, request: Request<B>) -> Answer
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    R: Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let Ok(response) = service.oneshot(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer {
        status: head.status,
        headers: head.headers,
        extensions: head.extensions,
        body,
        json,
    }
}

/// Posts a form to the token endpoint of [`flow`].
pub async fn post_form(body: impl Into<Bytes>) -> Answer {
    let (flow, _) = flow();
    send(flow.token_service(), token_request(body)).await
}

impl Answer {
    /// All header fields, sorted.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let text = |(name, value)| {
            let (name, value): (&http::HeaderName, &http::HeaderValue) = (name, value);
            (name.as_str(), value.to_str().unwrap())
        };
        let mut fields: Vec<_> = self.headers.iter().map(text).collect();
        fields.sort_unstable();
        fields
    }

    /// Asserts a login (RFC 6749 §5.1) to the last byte and hands out its token.
    #[track_caller]
    pub fn expect_token(&self, scope: Option<&str>) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(
            self.fields(),
            [
                ("cache-control", "no-store"),
                ("content-type", "application/json"),
                ("pragma", "no-cache"),
            ]
        );
        let token = self.json["access_token"].as_str().unwrap();
        let scope = scope.map_or(String::new(), |scope| format!(r#","scope":"{scope}""#));
        let expected = format!(
            r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600{scope}}}"#
        );
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), expected);
        token
    }

    /// Asserts a refusal of the token endpoint (RFC 6749 §5.2) to the last byte, and that no
    /// header field is missing or too many.
    #[track_caller]
    pub fn expect_error(&self, status: u16, code: &str, description: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let mut expected = vec![
            ("cache-control", "no-store"),
            ("content-type", "application/json"),
            ("pragma", "no-cache"),
        ];
        match status {
            405 => expected.push(("allow", "POST")),
            503 => expected.push(("retry-after", "1")),
            _ => {}
        }
        expected.sort_unstable();
        assert_eq!(self.fields(), expected);
        let expected = format!(r#"{{"error":"{code}","error_description":"{description}"}}"#);
        assert_eq!(std::str::from_utf8(&self.body).unwrap(), expected);
    }
}

/// [`fast`], counting the hashes that it makes.
#[derive(Clone, Default)]
pub struct Counting {
    made: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Counting {
    pub fn hashes_made(&self) -> usize {
        self.made.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// An error comes before any hashing ([`PasswordHasher::verify`]).
    fn count<T>(&self, result: Result<T, HashError>) -> Result<T, HashError> {
        let made = usize::from(result.is_ok());
        self.made
            .fetch_add(made, std::sync::atomic::Ordering::SeqCst);
        result
    }
}

impl PasswordHasher for Counting {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.count(fast().hash(password))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<bool, HashError> {
        self.count(fast().verify(password, hash))
    }

    fn recognizes(&self, hash: &PasswordHash) -> bool {
        fast().recognizes(hash)
    }

    fn needs_rehash(&self, hash: &PasswordHash) -> bool {
        fast().needs_rehash(hash)
    }
}

/// What `work` writes into the log.
pub async fn captured_log(work: impl Future<Output = ()>) -> String {
    let (written, subscriber) = (Written::default(), tracing_subscriber::fmt());
    let writer = written.clone();
    let subscriber = subscriber
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    work.await;
    drop(guard);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Comes back once `check` holds; it must within ten seconds.
pub async fn eventually(mut check: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !check().await {
        assert!(
            std::time::Instant::now() < deadline,
            "it does not come about"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
