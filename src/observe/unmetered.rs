use super::Event;

pub(super) fn count(_event: &Event) {}

pub(super) fn store_failed<S: ?Sized>(_verb: &'static str) {}

/// One validation that has to wait.
pub(crate) struct Validation;

impl Validation {
    #[expect(clippy::extra_unused_type_parameters, reason = "as with `metrics`")]
    pub(crate) fn of<S: ?Sized>() -> Self {
        Self
    }
}

/// A hash that waits for a thread.
pub(crate) struct Queued;

impl Queued {
    pub(crate) fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as with `metrics`")]
    pub(crate) fn ends(self, _begins: bool) {}
}
