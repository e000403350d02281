use rustix::time::{ClockId, clock_gettime};

use super::Timestamp;

/// The system's clock as of the last tick of the kernel's timer: 1 to 10 milliseconds ago, or longer
/// where a virtual machine was held up.
pub(super) fn now() -> Timestamp {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    Timestamp(u64::try_from(now.tv_sec).unwrap_or(0))
}
