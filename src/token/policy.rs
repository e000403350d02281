use std::time::Duration;

use crate::model::{Lifetime, Timestamp};

/// How logins are carried on by refresh tokens ([RFC 6749 §6], RFC 9700 §4.14.2).
///
/// Every refresh spends the refresh token and hands out its successor. A token that is presented
/// again after that is a replay: somebody has a copy, and the whole login is revoked.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, token::Refresh};
///
/// let flow = PasswordFlow::new(MemoryUsers::<()>::new(), MemoryTokens::new())
///     .with_refresh(Refresh::default().with_grace(Duration::from_secs(10)));
/// # let _ = flow;
/// ```
///
/// [RFC 6749 §6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
#[derive(Clone, Debug)]
pub struct Refresh {
    idle: Lifetime,
    absolute: Lifetime,
    grace: Duration,
}

impl Refresh {
    /// Sets how long a refresh token lives if it is not used. The default is 14 days.
    #[must_use]
    pub fn with_idle_lifetime(mut self, idle: Lifetime) -> Self {
        self.idle = idle;
        self
    }

    /// Sets how long after the login the user has to log in again, however often the login was
    /// refreshed. The default is 90 days.
    #[must_use]
    pub fn with_absolute_lifetime(mut self, absolute: Lifetime) -> Self {
        self.absolute = absolute;
        self
    }

    /// Sets for how long a spent refresh token gets the same successors again, in whole
    /// **seconds**; a fraction is cut off. The default is 0: whoever comes second is a thief.
    ///
    /// Ten seconds are right where a client may refresh twice at once (two tabs, a retry after a
    /// lost connection) and should not be logged out for it. The window ends with the access
    /// token at the latest. [`guide::refresh`](crate::guide::refresh) says what it costs.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(super) fn expires_at(&self, now: Timestamp) -> Timestamp {
        now + self.idle
    }

    pub(super) fn ends_at(&self, now: Timestamp) -> Timestamp {
        now + self.absolute
    }

    pub(super) fn window_until(&self, now: Timestamp) -> Timestamp {
        Lifetime::new(self.grace).map_or(now, |grace| now + grace)
    }
}

/// 14 days idle, 90 days in all, no grace.
impl Default for Refresh {
    fn default() -> Self {
        Self {
            idle: Lifetime::days(14),
            absolute: Lifetime::days(90),
            grace: Duration::ZERO,
        }
    }
}
