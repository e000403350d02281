//! What the operator gets to see: events for audit, log lines and metrics. Never a secret.
//!
//! # Events
//!
//! `PasswordFlow::with_event_hook` is told of every [`Event`], as a [`Record`]: who, what, when,
//! from where and why (OWASP ASVS 16.2.1, 16.3.1). A request whose client hangs up while its
//! password or token is checked is no event: nobody learned the result.
//!
//! # Log lines
//!
//! With feature `tracing`, target `tower_oauth2_password`, and names after those of OpenTelemetry:
//! a span `oauth2.token`, `oauth2.revoke` or `oauth2.introspect` around each request to such an
//! endpoint, with `oauth2.grant_type`, `oauth2.client_id`, `client.address`, `oauth2.outcome` (`ok`,
//! `refused`, `failed`), `error.type` and `http.response.status_code`. Failures that are the
//! operator's to mend, replays and throttled attempts are warnings and errors. All other events are
//! there at level `DEBUG`.
//!
//! # Metrics
//!
//! With feature `metrics`, through the facade of that name, once the application has installed a
//! recorder:
//!
//! | name | kind | labels | what |
//! | --- | --- | --- | --- |
//! | `oauth2_logins_total` | counter | `outcome`: `ok` or a [`Cause`] | password grants that got as far as a username and a password, and were not throttled |
//! | `oauth2_refreshes_total` | counter | `outcome`: `ok`, `replay` or a [`Cause`] | refresh grants, without those throttled |
//! | `oauth2_replays_total` | counter | | logins revoked because a spent token came back |
//! | `oauth2_revocations_total` | counter | `reason`: a [`RevocationReason`] | calls that revoked something |
//! | `oauth2_throttled_total` | counter | `kind`: `password`, `client`, `token` | attempts turned away unchecked |
//! | `oauth2_client_failures_total` | counter | `cause`: a [`Cause`] | clients that did not prove who they are |
//! | `oauth2_token_refusals_total` | counter | `cause`: a [`Cause`] | requests turned away for their access token |
//! | `oauth2_stored_hash_refusals_total` | counter | | logins whose stored hash could not be read |
//! | `oauth2_store_errors_total` | counter | `store`: its type; `verb`: its method | failed calls of a store |
//! | `oauth2_hashing_waiting` | gauge | | hashes that wait for a thread |
//! | `oauth2_hashing_wait_seconds` | histogram | | how long each waited |
//! | `oauth2_validate_seconds` | histogram | `store`: the type of the token store | validations by `SessionValidator` that had to wait for a store |
//!
//! A request whose token is found without waiting touches none of them.

mod event;
mod scene;

#[cfg(not(feature = "tracing"))]
#[path = "silent.rs"]
mod backend;
#[cfg(feature = "tracing")]
#[path = "traced.rs"]
mod backend;

#[cfg(feature = "metrics")]
#[path = "metered.rs"]
mod meter;
#[cfg(not(feature = "metrics"))]
#[path = "unmetered.rs"]
mod meter;

#[cfg(feature = "cache")]
mod cache;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stores;

pub use event::{Cause, ClaimedName, Event, Record, RevocationReason};
#[cfg(feature = "metrics")]
pub use meter::describe_metrics;

pub(crate) use backend::RequestSpan;
#[cfg(feature = "cache")]
pub(crate) use cache::news_not_told;
pub(crate) use meter::{Queued, Validation};
pub(crate) use scene::{EventHook, Observer, Scene, SourceOf};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use stores::purge_failed;

use std::error::Error;

use backend::{error, warn};

/// Calls `S` and counts it if that fails.
pub(crate) async fn asked<S: ?Sized, T, E>(
    verb: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    called::<S, T, E>(verb, call.await)
}

/// As [`asked`], for a call that did not have to wait.
pub(crate) fn called<S: ?Sized, T, E>(verb: &'static str, done: Result<T, E>) -> Result<T, E> {
    if done.is_err() {
        meter::store_failed::<S>(verb);
    }
    done
}

/// A guard, or an extractor, found that no `BearerLayer` ran before it.
pub(crate) fn unguarded(who: &'static str, user: &'static str) {
    backend::unguarded(who, user);
}

/// A store did not answer a question about a token.
pub(crate) fn token_not_checked(cause: &dyn Error) {
    error(
        "the store failed, so an access token could not be checked",
        "store",
        &cause,
    );
}

/// A login or its token could not be completed for a reason that is not the client's.
pub(crate) fn grant_failed(kind: &str, cause: &dyn Error) {
    error("a token request failed", kind, &cause);
}

/// A login was turned away because too many wait: a crowd, an attack, or a pool that is too small.
pub(crate) fn login_turned_away(cause: &dyn Error) {
    warn("a login was turned away", "busy", &cause);
}

/// A stored hash is malformed or too costly: its owner cannot log in until it is replaced.
pub(crate) fn stored_hash_refused(cause: &dyn Error) {
    warn("a stored password hash was refused", "hash", &cause);
}

/// A login went through, but its outdated hash could not be replaced.
pub(crate) fn rehash_failed(cause: &dyn Error) {
    warn(
        "an outdated password hash could not be replaced",
        "rehash",
        &cause,
    );
}

/// The end of an attempt could not be noted, so that it counts as failed.
pub(crate) fn throttle_failed(cause: &dyn Error) {
    error("an attempt could not be noted", "throttle", &cause);
}
