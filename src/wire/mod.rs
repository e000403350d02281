//! What both pipelines need of HTTP: bodies, JSON, media types.

mod body;
mod json;
mod media;

pub use body::ResponseBody;
pub(crate) use json::JsonObject;
pub(crate) use media::essence_is;

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

/// Tells a client to come back in a second: what was in the way is a crowd or a store, and
/// neither announces when it will be gone.
pub(crate) fn ask_to_retry(headers: &mut HeaderMap) {
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
