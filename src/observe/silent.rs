use std::fmt::Display;

use http::Uri;

use super::Record;
use crate::model::Source;

pub(super) fn error(_message: &str, _kind: &str, _cause: &dyn Display) {}

pub(super) fn warn(_message: &str, _kind: &str, _cause: &dyn Display) {}

pub(super) fn unguarded(_who: &str, _user: &str) {}

pub(super) fn source_missing(_uri: &Uri) {}

pub(super) fn hook_panicked(_event: &str) {}

pub(super) fn event(_record: &Record) {}

/// The span of one request to an endpoint: none, without `tracing`.
#[derive(Clone)]
pub(crate) struct RequestSpan;

impl RequestSpan {
    pub(crate) fn new(_name: &'static str) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as with `tracing`")]
    pub(crate) fn has_source(&self, _source: Source) {}

    #[expect(clippy::unused_self, reason = "as with `tracing`")]
    pub(crate) fn has_client(&self, _id: &str) {}

    #[expect(clippy::unused_self, reason = "as with `tracing`")]
    pub(crate) fn has_grant_type(&self, _grant_type: &str) {}

    #[expect(clippy::unused_self, reason = "as with `tracing`")]
    pub(crate) fn ended(&self, _status: u16, _error: Option<&str>) {}

    #[expect(clippy::unused_self, reason = "as with `tracing`")]
    pub(crate) fn around<F: Future>(self, work: F) -> F {
        work
    }
}
