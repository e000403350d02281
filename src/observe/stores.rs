use std::error::Error;

use super::backend::warn;

/// Expired rows could not be deleted; a later login tries again.
pub(crate) fn purge_failed(cause: &dyn Error) {
    warn("expired tokens could not be deleted", "store", &cause);
}
