use std::{
    error::Error as StdError,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Buf;
use http::{HeaderMap, HeaderName, Method, request::Parts};
use http_body::{Body, Frame};
use http_body_util::{LengthLimitError, Limited};
use zeroize::Zeroizing;

use super::{Limits, RequestFault, TokenError, deadline::Deadline};
use crate::{
    password::{CheckError, PoolError},
    wire::essence_is,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// Whether this is a form over TLS, as far as the head of a request says.
pub(super) fn check_head(
    head: &Parts,
    scheme_header: Option<&HeaderName>,
) -> Result<(), RequestFault> {
    if head.method != Method::POST {
        return Err(RequestFault::Method);
    }
    if scheme_header.is_some_and(|name| !says_https(&head.headers, name)) {
        return Err(RequestFault::Insecure);
    }
    if !essence_is(&head.headers, FORM) {
        return Err(RequestFault::MediaType);
    }
    Ok(())
}

fn says_https(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut fields = headers.get_all(name).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return false;
    };
    field.as_bytes().eq_ignore_ascii_case(b"https")
}

/// Reads a body into memory that is wiped afterwards: there is a password in it.
pub(super) async fn read<B>(body: B, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, TokenError>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let most = limits.body_bytes;
    let announced = body.size_hint();
    if announced.lower() > most as u64 {
        return Err(RequestFault::TooLarge.into());
    }
    // Never grown, as growing would leave a copy behind.
    let capacity = announced
        .upper()
        .and_then(|upper| usize::try_from(upper).ok());
    let capacity = capacity.unwrap_or(most).min(most);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let mut body = pin!(Limited::new(body, most));
    let mut deadline = Deadline::after(limits.body_time);
    while let Some(frame) = poll_fn(|cx| poll_frame(body.as_mut(), &mut deadline, cx)).await? {
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    Ok(bytes)
}

/// The next frame, or that there is none, or that it comes too late.
fn poll_frame<B>(
    body: Pin<&mut Limited<B>>,
    deadline: &mut Deadline,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Frame<B::Data>>, TokenError>>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let Poll::Ready(frame) = body.poll_frame(cx) else {
        if deadline.is_over() {
            return Poll::Ready(Err(RequestFault::TooSlow.into()));
        }
        // Without a thread to watch the time, nothing is waited for.
        return match deadline.wake(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(no_thread(&error))),
        };
    };
    Poll::Ready(match frame {
        // Frames may come for ever that have nothing in them.
        Some(Ok(_)) if deadline.is_over() => Err(RequestFault::TooSlow.into()),
        Some(Ok(frame)) => Ok(Some(frame)),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(RequestFault::TooLarge.into()),
        Some(Err(_)) => Err(RequestFault::Interrupted.into()),
        None => Ok(None),
    })
}

fn no_thread(error: &std::io::Error) -> TokenError {
    CheckError::Pool(PoolError::NoThread(error.kind())).into()
}
