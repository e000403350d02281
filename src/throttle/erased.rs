use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Admission, Attempt, Outcome, Throttle};
use crate::{observe::asked, store::StoreError};

/// A [`Throttle`] of whatever type.
#[derive(Clone)]
pub(crate) struct Throttles(Arc<dyn Ask>);

/// [`Throttle`] with its futures in boxes: beside a password hash they do not count.
trait Ask: Send + Sync {
    fn admit<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Admission, StoreError>>;

    fn settle<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl<T: Throttle> Ask for T {
    fn admit<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Admission, StoreError>> {
        Box::pin(asked::<T, _, _>("admit", Throttle::admit(self, attempt)))
    }

    fn settle<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(asked::<T, _, _>(
            "settle",
            Throttle::settle(self, attempt, outcome),
        ))
    }
}

impl Throttles {
    pub(crate) fn new(throttle: impl Throttle) -> Self {
        Self(Arc::new(throttle))
    }

    pub(crate) async fn admit(&self, attempt: &Attempt) -> Result<Admission, StoreError> {
        self.0.admit(attempt).await
    }

    pub(crate) async fn settle(
        &self,
        attempt: &Attempt,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        self.0.settle(attempt, outcome).await
    }
}
