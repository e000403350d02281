//! What listeners have in common.

use std::time::Duration;

use super::Revoked;

/// How long after a lost connection it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// How long nothing may be heard before it is asked whether anybody is there.
pub(super) const QUIET: Duration = Duration::from_secs(5);
/// How long the answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Passes a message on. One that cannot be read is news all the same: of a later version, perhaps.
pub(super) fn pass_on(message: &str, heard: &dyn Fn(Revoked), missed: &dyn Fn()) {
    match Revoked::from_message(message) {
        Some(revoked) => heard(revoked),
        None => missed(),
    }
}
