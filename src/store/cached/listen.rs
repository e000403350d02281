//! How patient listeners are.

use std::time::Duration;

/// How long after a lost connection it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// How long nothing may be heard before it is asked whether anybody is there.
pub(super) const QUIET: Duration = Duration::from_secs(5);
/// How long the answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
