//! RFC 6749 §4.3.2, the body of a token request: its media type, its size, its end.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Full, StreamBody};
use tower_oauth2_password::{MemoryTokens, PasswordFlow};

use crate::support::{Answer, FORM, LOGIN, User, fast, flow, post_form, send, users};

/// The most bytes that the endpoint reads.
const CAP: usize = 16 * 1024;
const BOTH: Option<&str> = Some("items:read me");

async fn post_with_content_types(types: &[&str]) -> Answer {
    let body = Full::new(Bytes::from(LOGIN));
    let mut request = Request::post("/token").body(body).unwrap();
    for value in types {
        let value = value.parse().unwrap();
        request.headers_mut().append(header::CONTENT_TYPE, value);
    }
    let (flow, _) = flow();
    send(flow.token_service(), request).await
}

async fn post_body<B>(body: B) -> Answer
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let request = Request::post("/token").header(header::CONTENT_TYPE, FORM);
    let (flow, _) = flow();
    send(flow.token_service(), request.body(body).unwrap()).await
}

/// A body in pieces that does not say how long it will be.
fn streamed(
    pieces: Vec<io::Result<Bytes>>,
) -> impl Body<Data = Bytes, Error = io::Error> + Send + 'static {
    let frames = pieces.into_iter().map(|piece| piece.map(Frame::data));
    StreamBody::new(stream::iter(frames))
}

/// [`LOGIN`] and an unknown parameter that makes it `len` bytes long.
fn padded_login(len: usize) -> String {
    let mut body = format!("{LOGIN}&padding=");
    body.extend(std::iter::repeat_n('x', len - body.len()));
    body
}

/// §4.3.2: the media type is `application/x-www-form-urlencoded`, in any case and with
/// parameters (RFC 9110 §8.3.1).
#[tokio::test]
async fn the_media_type_may_be_in_any_case_and_have_parameters() {
    for media_type in [
        FORM,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=utf-8",
        "application/x-www-form-urlencoded ; charset=\"utf-8\"",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "Application/x-www-Form-urlencoded; Charset=UTF-8",
    ] {
        let answer = post_with_content_types(&[media_type]).await;
        answer.expect_token(BOTH);
    }
}

/// §4.3.2, §5.2: any other media type is an invalid request; multipart is none of OAuth's.
#[tokio::test]
async fn any_other_media_type_is_an_invalid_request() {
    for types in [
        &[][..],
        &[""],
        &["application/json"],
        &["text/plain"],
        &["multipart/form-data; boundary=x"],
        &["application/x-www-form-urlencoded-not"],
        &["x-www-form-urlencoded"],
        &["text/plain; application/x-www-form-urlencoded"],
        &[FORM, FORM],
        &[FORM, "application/json"],
    ] {
        let answer = post_with_content_types(types).await;
        let told = "the body must be application/x-www-form-urlencoded";
        answer.expect_error(400, "invalid_request", told);
    }
}

/// A body of an announced length that fails the test if it is read.
struct Unread(u64);

impl Body for Unread {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        panic!("the body was read")
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// A choice: 16 KiB is enough for any grant, and a longer announcement is not waited for.
#[tokio::test]
async fn a_body_that_announces_too_many_bytes_is_refused_unread() {
    let answer = post_body(Unread(CAP as u64 + 1)).await;
    answer.expect_error(413, "invalid_request", "the body is too large");
    let answer = post_form(padded_login(CAP + 1)).await;
    answer.expect_error(413, "invalid_request", "the body is too large");
}

/// A choice: 16 KiB are also the end of a body that announced nothing.
#[tokio::test]
async fn a_body_that_turns_out_too_long_is_refused() {
    let body = Bytes::from(padded_login(CAP + 1));
    let pieces = body.chunks(1000).map(|piece| Ok(body.slice_ref(piece)));
    let answer = post_body(streamed(pieces.collect())).await;
    answer.expect_error(413, "invalid_request", "the body is too large");
}

/// A choice: the last byte of the 16 KiB still counts.
#[tokio::test]
async fn a_body_of_16_kib_is_read() {
    post_form(padded_login(CAP)).await.expect_token(BOTH);
    let body = Bytes::from(padded_login(CAP));
    let pieces = body.chunks(1000).map(|piece| Ok(body.slice_ref(piece)));
    post_body(streamed(pieces.collect()))
        .await
        .expect_token(BOTH);
}

/// §4.3.2: the pieces that a body arrives in mean nothing, not even within `%2B`.
#[tokio::test]
async fn a_body_may_arrive_byte_by_byte() {
    let users = users().with_user("arjun", "a+b", User::new("Arjun"));
    let flow = PasswordFlow::new(users.unwrap(), MemoryTokens::new()).with_hasher(fast());
    let body = Bytes::from("grant_type=password&username=arjun&password=a%2Bb");
    let pieces = body.chunks(1).map(|piece| Ok(body.slice_ref(piece)));
    let request = Request::post("/token")
        .header(header::CONTENT_TYPE, FORM)
        .body(streamed(pieces.collect()))
        .unwrap();
    send(flow.token_service(), request).await.expect_token(None);
}

/// §5.2: a body that breaks off is no request, even if a whole login had arrived by then.
#[tokio::test]
async fn a_body_that_breaks_off_is_an_invalid_request() {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let answer = post_body(streamed(vec![Ok(Bytes::from(LOGIN)), Err(reset)])).await;
    answer.expect_error(400, "invalid_request", "the body is incomplete");
}

/// §4.3.2: what comes after the form, such as a checksum in a trailer, is no part of it.
#[tokio::test]
async fn trailers_are_not_part_of_the_form() {
    let trailers = HeaderMap::from_iter([(header::CONTENT_TYPE, "text/plain".parse().unwrap())]);
    let frames = [Frame::data(Bytes::from(LOGIN)), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, io::Error>);
    post_body(StreamBody::new(stream::iter(frames)))
        .await
        .expect_token(BOTH);
}
