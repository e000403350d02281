//! What the targets share: one request, one answer, and an authenticator that tells what it was
//! given. Everything goes through the public API.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_oauth2_password::{
    Authenticated, BearerLayer, ResponseBody,
    bearer::{Rejection, Validate, validate_fn},
    model::{AccessToken, Session, Subject, Timestamp},
    token::{Authenticate, Credentials, Identity, TokenError},
};

pub const NOON: Timestamp = Timestamp::from_secs(43_200);

/// A response, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an answer is JSON")
    }
}

/// Sends one request. Nothing in a target waits for anything, so the answer is there at once.
pub fn send<S, B, R>(service: S, request: Request<B>) -> Answer
where
    S: Service<Request<B>, Response = Response<ResponseBody<R>>, Error = Infallible>,
    R: Body<Data = Bytes>,
{
    let work = async {
        let Ok(response) = service.oneshot(request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.unwrap_or_else(|_| unreachable!("no body here fails"));
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        }
    };
    work.now_or_never().expect("nothing here waits")
}

/// A `POST` of a form.
pub fn form(body: &[u8]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = http::Method::POST;
    let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    request
}

/// Remembers the credentials that it is asked about, and refuses them with `error`.
pub struct Witness {
    pub error: TokenError,
    pub seen: Mutex<Option<(String, String)>>,
}

impl Witness {
    pub fn new(error: TokenError) -> Self {
        let seen = Mutex::new(None);
        Self { error, seen }
    }
}

impl Authenticate for Witness {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        let (username, password) = (credentials.username(), credentials.password().expose());
        *self.seen.lock().unwrap() = Some((username.to_owned(), password.to_owned()));
        Err(self.error.clone())
    }

    async fn is_active(&self, _: &Subject) -> Result<bool, TokenError> {
        Ok(false)
    }
}

/// The input as lines; a line that is missing is empty.
pub fn lines<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut lines = data.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

/// A layer for which each well-formed token is good and its own user.
pub fn any_token() -> BearerLayer<impl Validate<User = String>> {
    BearerLayer::new(validate_fn(|token: AccessToken| async move {
        let session = Session::new(Subject::new("x").unwrap(), NOON, NOON);
        let token = Arc::new(token.expose().to_owned());
        Ok::<_, Rejection>(Authenticated::new(token, session))
    }))
}

/// Sends `request` through `layer` to a handler that says which token came, and to which target.
pub fn echo(layer: &BearerLayer<impl Validate<User = String>>, request: Request<()>) -> Answer {
    let handler = service_fn(async |request: Request<()>| {
        let user = request.extensions().get::<Authenticated<String>>().unwrap();
        let body = format!("{} {}", user.user(), request.uri());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
    });
    send(layer.layer(handler), request)
}
