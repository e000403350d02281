use std::{fmt, num::NonZeroU32, time::Duration};

use super::Timestamp;

/// How long a token lives: whole **seconds**, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(NonZeroU32);

impl Lifetime {
    /// One hour, the longest that [RFC 6750 §5.3] recommends for an access token.
    ///
    /// [RFC 6750 §5.3]: https://www.rfc-editor.org/rfc/rfc6750#section-5.3
    pub const HOUR: Self = Self(NonZeroU32::new(3600).expect("3600 is not zero"));

    /// `days` days of 86,400 **seconds**.
    pub(crate) const fn days(days: u16) -> Self {
        let secs = days as u32 * 86_400;
        Self(NonZeroU32::new(secs).expect("days is not zero"))
    }

    /// From `now` to `end`; `None` if that is not at least a second.
    pub(crate) fn between(now: Timestamp, end: Timestamp) -> Option<Self> {
        let secs = end.as_secs().checked_sub(now.as_secs())?;
        let secs = u32::try_from(secs).unwrap_or(u32::MAX);
        NonZeroU32::new(secs).map(Self)
    }

    /// Reads a lifetime from a [`Duration`].
    ///
    /// The wire knows whole **seconds** only (`expires_in`, [RFC 6749 §5.1]), so a fraction is
    /// cut off: 90.9 s becomes 90 s.
    ///
    /// # Errors
    ///
    /// [`LifetimeError`] below one second, where the token would be dead on arrival, and above
    /// [`u32::MAX`] seconds, which is about 136 years.
    ///
    /// # Example
    ///
    /// ```
    /// # use {tower_oauth2_password::model::Lifetime, std::time::Duration};
    /// assert_eq!(Lifetime::new(Duration::from_millis(90_900))?.as_secs(), 90);
    /// # Ok::<(), tower_oauth2_password::model::LifetimeError>(())
    /// ```
    ///
    /// [RFC 6749 §5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    pub fn new(duration: Duration) -> Result<Self, LifetimeError> {
        let secs = u32::try_from(duration.as_secs()).map_err(|_| LifetimeError)?;
        NonZeroU32::new(secs).map(Self).ok_or(LifetimeError)
    }

    /// The number of **seconds**, at least 1.
    pub const fn as_secs(self) -> u32 {
        self.0.get()
    }
}

/// The duration is no [`Lifetime`]: shorter than a second or longer than [`u32::MAX`] seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeError;

impl fmt::Display for LifetimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a lifetime is between 1 and {} seconds", u32::MAX)
    }
}

impl std::error::Error for LifetimeError {}
