use std::time::Instant;

use metrics::{
    Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use super::Event;

/// Tells the recorder what each metric means, for its `# HELP` lines. To be called once, after the
/// recorder was installed; metrics are counted without this too.
pub fn describe_metrics() {
    describe_counter!("oauth2_logins_total", "Password grants, by outcome");
    describe_counter!("oauth2_refreshes_total", "Refresh grants, by outcome");
    describe_counter!(
        "oauth2_replays_total",
        "Logins that were revoked because a spent refresh token came back"
    );
    describe_counter!("oauth2_revocations_total", "Revocations, by reason");
    describe_counter!(
        "oauth2_throttled_total",
        "Attempts that were turned away unchecked after too many failures, by kind"
    );
    describe_counter!(
        "oauth2_client_failures_total",
        "Clients that did not prove who they are, by cause"
    );
    describe_counter!(
        "oauth2_token_refusals_total",
        "Requests with an access token that were turned away, by cause"
    );
    describe_counter!(
        "oauth2_stored_hash_refusals_total",
        "Logins for which the stored hash could not be read"
    );
    describe_counter!(
        "oauth2_store_errors_total",
        "Failed calls of a store, by store and verb"
    );
    describe_gauge!(
        "oauth2_hashing_waiting",
        "Password hashes that wait for a thread"
    );
    describe_histogram!(
        "oauth2_hashing_wait_seconds",
        Unit::Seconds,
        "How long a password hash waited for a thread"
    );
    describe_histogram!(
        "oauth2_validate_seconds",
        Unit::Seconds,
        "How long a token took to validate that had to be looked up, by store"
    );
}

pub(super) fn count(event: &Event) {
    let outcome = |cause: super::Cause| cause.as_str();
    match event {
        Event::LoggedIn { .. } => counter!("oauth2_logins_total", "outcome" => "ok").increment(1),
        Event::LoginFailed { cause, .. } => {
            counter!("oauth2_logins_total", "outcome" => outcome(*cause)).increment(1);
        }
        Event::Refreshed { .. } => {
            counter!("oauth2_refreshes_total", "outcome" => "ok").increment(1);
        }
        Event::RefreshFailed { cause, .. } => {
            counter!("oauth2_refreshes_total", "outcome" => outcome(*cause)).increment(1);
        }
        Event::Replayed { .. } => {
            counter!("oauth2_refreshes_total", "outcome" => "replay").increment(1);
            counter!("oauth2_replays_total").increment(1);
        }
        Event::Revoked { reason, .. } => {
            counter!("oauth2_revocations_total", "reason" => reason.as_str()).increment(1);
        }
        Event::Throttled { kind, .. } => {
            counter!("oauth2_throttled_total", "kind" => *kind).increment(1);
        }
        Event::ClientFailed { cause, .. } => {
            counter!("oauth2_client_failures_total", "cause" => outcome(*cause)).increment(1);
        }
        Event::TokenRefused { cause, .. } => {
            counter!("oauth2_token_refusals_total", "cause" => outcome(*cause)).increment(1);
        }
        Event::StoredHashRefused { .. } => {
            counter!("oauth2_stored_hash_refusals_total").increment(1);
        }
    }
}

/// A call of store `S` failed.
pub(super) fn store_failed<S: ?Sized>(verb: &'static str) {
    let store = short_name::<S>();
    counter!("oauth2_store_errors_total", "store" => store, "verb" => verb).increment(1);
}

/// One validation that has to wait; measured when this is dropped.
pub(crate) struct Validation(Histogram, Instant);

impl Validation {
    pub(crate) fn of<S: ?Sized>() -> Self {
        let store = short_name::<S>();
        Self(
            histogram!("oauth2_validate_seconds", "store" => store),
            Instant::now(),
        )
    }
}

impl Drop for Validation {
    fn drop(&mut self) {
        self.0.record(self.1.elapsed());
    }
}

/// A hash that waits for a thread, until [`ends`](Self::ends) or the drop.
pub(crate) struct Queued {
    depth: Gauge,
    wait: Histogram,
    since: Instant,
}

impl Queued {
    pub(crate) fn new() -> Self {
        let depth = gauge!("oauth2_hashing_waiting");
        depth.increment(1);
        Self {
            depth,
            wait: histogram!("oauth2_hashing_wait_seconds"),
            since: Instant::now(),
        }
    }

    /// The wait is over, and counts if the hash `begins`: if nobody wants it, it does not.
    pub(crate) fn ends(self, begins: bool) {
        if begins {
            self.wait.record(self.since.elapsed());
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.depth.decrement(1);
    }
}

/// The name of a type without the paths: `Cached<RedisTokens>`.
fn short_name<T: ?Sized>() -> String {
    let mut short = String::new();
    for character in std::any::type_name::<T>().chars() {
        short.push(character);
        if short.ends_with("::") {
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            short.truncate(short.trim_end_matches(is_path).len());
        }
    }
    short
}
