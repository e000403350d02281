//! Who may try again, and when: slows guessing down, and locks nobody out.

#[cfg(feature = "test-util")]
pub mod conformance;
mod erased;
mod limits;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod source;

pub(crate) use erased::Throttles;
pub use limits::{Limit, Limits};
pub use memory::MemoryThrottle;
#[cfg(feature = "redis")]
pub use redis::RedisThrottle;
pub use source::forwarded_for;

use std::{sync::Arc, time::Duration};

pub use crate::model::Source;
use crate::store::StoreError;

/// What is being tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    kind: AttemptKind,
    name: String,
    source: Option<Source>,
}

/// Of what kind an [`Attempt`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptKind {
    /// A user's password (RFC 6749 §4.3.2). The name is the username, whether there is such a user
    /// or not.
    Password,
    /// A client's secret (RFC 6749 §2.3.1). The name is the client's id.
    Client,
    /// A token that is presented for a refresh, to be revoked or to be described (RFC 7009 §5,
    /// RFC 7662 §4). It has no name.
    Token,
}

impl AttemptKind {
    /// Whether its name counts at each source.
    fn has_name(self) -> bool {
        self != Self::Token
    }

    /// Whether its name counts wherever it is tried. A client's secret is random and not guessed at
    /// from many places; its client must not be slowed down by whoever tries.
    fn is_guessed_everywhere(self) -> bool {
        self == Self::Password
    }
}

impl Attempt {
    /// Somebody at `source` tries `name`. Without a source nobody can be told from anybody else.
    pub fn new(kind: AttemptKind, name: impl Into<String>, source: Option<Source>) -> Self {
        let name = name.into();
        Self { kind, name, source }
    }

    /// What is being tried.
    pub fn kind(&self) -> AttemptKind {
        self.kind
    }

    /// As whom, to the byte as it was presented. A user store that takes several spellings for one
    /// name (`Meera`, `meera`) needs a throttle around this one that does so too, or each spelling
    /// has guesses of its own.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From where.
    pub fn source(&self) -> Option<Source> {
        self.source
    }
}

/// Whether an attempt may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// It may, and counts as failed until [`Throttle::settle`] says otherwise.
    Go,
    /// Not before so long, at least a second. Nothing was counted.
    Wait(Duration),
}

/// How an attempt ended that was let go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secret was right.
    Right,
    /// It was wrong.
    Wrong,
    /// Nobody found out, so it does not count.
    Unknown,
}

/// Decides who may try again, and when ([RFC 6749 §4.3.2] demands that somebody does).
///
/// An attempt is counted when it is admitted, so that a thousand at once are a thousand, and taken
/// off again if it did not fail.
///
/// [RFC 6749 §4.3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.3.2
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no throttle",
    note = "implement `Throttle`, or use `MemoryThrottle`"
)]
pub trait Throttle: Send + Sync + 'static {
    /// Asks whether `attempt` may go on. Called before anything is hashed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if that could not be found out. The caller answers 503.
    fn admit(
        &self,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Says how an admitted attempt ended.
    ///
    /// When a request is given up, because its client hung up or the server did not want to wait any
    /// longer, the attempt has failed: its secret may have been checked. The future is then polled
    /// **once** and dropped, so what takes longer has to go on by itself (in a task, say).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it could not be noted. It is logged: the attempt then counts as failed.
    fn settle(
        &self,
        attempt: &Attempt,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<T: Throttle> Throttle for Arc<T> {
    async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        (**self).admit(attempt).await
    }

    async fn settle(&self, attempt: &Attempt, outcome: Outcome) -> Result<(), StoreError> {
        (**self).settle(attempt, outcome).await
    }
}
