use std::error::Error;

use super::backend::warn;

/// Other nodes were not told of a revocation; they find out when their caches are stale.
pub(crate) fn news_not_told(cause: &dyn Error) {
    warn(
        "other nodes could not be told of a revocation",
        "news",
        &cause,
    );
}
