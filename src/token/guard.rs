use std::{net::IpAddr, sync::Arc};

use futures_util::FutureExt;
use http::request::Parts;

use super::TokenError;
use crate::{
    observe,
    throttle::{Admission, Attempt, AttemptKind, Outcome, Source, Throttles},
};

/// Says where a request comes from; see `with_source`.
pub(crate) type SourceOf = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Who may try, and when: asked before anything is hashed or looked up.
#[derive(Clone, Default)]
pub(super) struct Guard {
    throttle: Option<Throttles>,
    source: Option<Source>,
}

impl Guard {
    pub(super) fn new(
        throttle: Option<&Throttles>,
        source_of: Option<&Arc<SourceOf>>,
        head: &Parts,
    ) -> Self {
        let Some(throttle) = throttle else {
            return Self::default();
        };
        let address = source_of.map(|source_of| source_of(head));
        if let Some(None) = address {
            observe::source_missing(&head.uri.path());
        }
        Self {
            throttle: Some(throttle.clone()),
            source: address.flatten().map(Source::from),
        }
    }

    /// Does `work`, which tries a secret, if it is not too early for that.
    pub(super) async fn attempt<T>(
        &self,
        kind: AttemptKind,
        name: &str,
        work: impl Future<Output = Result<T, TokenError>>,
    ) -> Result<T, TokenError> {
        self.attempt_judged(kind, name, work, |_| false).await
    }

    /// As [`attempt`](Self::attempt), where a success may be a `guess` that went wrong.
    pub(super) async fn attempt_judged<T>(
        &self,
        kind: AttemptKind,
        name: &str,
        work: impl Future<Output = Result<T, TokenError>>,
        guess: impl Fn(&T) -> bool,
    ) -> Result<T, TokenError> {
        let Some(throttle) = &self.throttle else {
            return work.await;
        };
        let attempt = Attempt::new(kind, name, self.source);
        if let Admission::Wait(wait) = throttle.admit(&attempt).await? {
            observe::throttled(&kind_name(kind), &wait.as_secs());
            return Err(TokenError::Throttled { wait });
        }
        let given_up = GivenUp(Some((throttle, &attempt)));
        let done = work.await;
        given_up.disarm();
        if let Err(error) = throttle.settle(&attempt, outcome(&done, guess)).await {
            observe::throttle_failed(&error);
        }
        done
    }
}

/// An attempt whose end nobody waits for has failed: its secret may have been checked.
struct GivenUp<'a>(Option<(&'a Throttles, &'a Attempt)>);

impl GivenUp<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some((throttle, attempt)) = self.0 {
            let settled = throttle.settle(attempt, Outcome::Wrong).now_or_never();
            if let Some(Err(error)) = settled {
                observe::throttle_failed(&error);
            }
        }
    }
}

fn kind_name(kind: AttemptKind) -> &'static str {
    match kind {
        AttemptKind::Password => "password",
        AttemptKind::Client => "client",
        AttemptKind::Token => "token",
    }
}

/// A mistake in the request, or a failure here, is no guess.
fn outcome<T>(done: &Result<T, TokenError>, guess: impl Fn(&T) -> bool) -> Outcome {
    match done {
        Ok(done) if guess(done) => Outcome::Wrong,
        Ok(_) => Outcome::Right,
        Err(
            TokenError::InvalidGrant
            | TokenError::InvalidClient { .. }
            | TokenError::InvalidToken
            | TokenError::Replayed,
        ) => Outcome::Wrong,
        Err(_) => Outcome::Unknown,
    }
}
