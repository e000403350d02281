use futures_util::FutureExt;
use http::request::Parts;

use super::TokenError;
use crate::{
    model::ClientId,
    observe::{self, ClaimedName, Event, Observer, Scene},
    throttle::{Admission, Attempt, AttemptKind, Outcome, Throttles},
};

/// Who may try, and when: asked before anything is hashed or looked up. And who is told of it.
#[derive(Clone, Default)]
pub(super) struct Guard {
    throttle: Option<Throttles>,
    scene: Scene,
}

impl Guard {
    pub(super) fn new(throttle: Option<&Throttles>, observer: &Observer, head: &Parts) -> Self {
        Self {
            throttle: throttle.cloned(),
            scene: observer.scene(head),
        }
    }

    pub(super) fn scene(&self) -> &Scene {
        &self.scene
    }

    pub(super) fn set_client(&mut self, client: Option<ClientId>) {
        self.scene.set_client(client);
    }

    pub(super) fn report(&self, event: Event) {
        self.scene.report(event);
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
        let attempt = Attempt::new(kind, name, self.scene.source());
        if let Admission::Wait(wait) = throttle.admit(&attempt).await? {
            self.report(Event::Throttled {
                kind: kind_name(kind),
                name: (!name.is_empty()).then(|| ClaimedName::new(name)),
                wait,
            });
            return Err(TokenError::Throttled { wait });
        }
        let given_up = GivenUp(Some((throttle, &attempt)));
        let done = work.await;
        given_up.disarm();
        let outcome = outcome(&done, guess);
        let settled = throttle.settle(&attempt, outcome);
        let settled = match outcome {
            // Something was away, and is as likely away still: nobody waits for it twice.
            Outcome::Unknown => settled.now_or_never().unwrap_or(Ok(())),
            Outcome::Right | Outcome::Wrong => settled.await,
        };
        if let Err(error) = settled {
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
