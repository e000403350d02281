use super::{Clock, Timestamp};

/// The system's clock, which has no quicker one.
pub(super) fn now() -> Timestamp {
    Clock::system().now()
}
