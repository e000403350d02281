use std::error::Error as StdError;

use bytes::Buf;
use http::{HeaderMap, HeaderName, Method, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use zeroize::Zeroizing;

use super::RequestFault;
use crate::wire::essence_is;

/// The most bytes of a request's body: a password grant has a few hundred.
const MAX_BODY_BYTES: usize = 16 * 1024;
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
pub(super) async fn read<B>(body: B) -> Result<Zeroizing<Vec<u8>>, RequestFault>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let announced = body.size_hint();
    if announced.lower() > MAX_BODY_BYTES as u64 {
        return Err(RequestFault::TooLarge);
    }
    // Never grown, as growing would leave a copy behind.
    let capacity = announced
        .upper()
        .and_then(|upper| usize::try_from(upper).ok());
    let capacity = capacity.unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    let mut body = std::pin::pin!(Limited::new(body, MAX_BODY_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                RequestFault::TooLarge
            } else {
                RequestFault::Interrupted
            }
        })?;
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
