use std::fmt::Display;

use http::Uri;
use tracing::{Instrument, Level, Span, field::Empty};

use super::{Event, Record};
use crate::model::Source;

pub(super) fn error(message: &str, kind: &str, cause: &dyn Display) {
    tracing::error!(
        target: "tower_oauth2_password",
        { "error.type" = kind,
        "error.message" = %cause },
        "{message}"
    );
}

pub(super) fn warn(message: &str, kind: &str, cause: &dyn Display) {
    tracing::warn!(
        target: "tower_oauth2_password",
        { "error.type" = kind,
        "error.message" = %cause },
        "{message}"
    );
}

pub(super) fn unguarded(who: &str, user: &str) {
    tracing::error!(
        target: "tower_oauth2_password",
        { "error.type" = "unguarded",
        "code.who" = who,
        "code.user" = user },
        "no BearerLayer for this user type ran before it: the request was refused with 500; \
         add BearerLayer outside of it"
    );
}

/// The path only: there may be a secret in the query.
pub(super) fn source_missing(uri: &Uri) {
    tracing::error!(
        target: "tower_oauth2_password",
        { "error.type" = "source_missing",
        "url.path" = uri.path() },
        "a request has no source address, so that its guesses are not told from others'"
    );
}

pub(super) fn hook_panicked(event: &str) {
    tracing::error!(
        target: "tower_oauth2_password",
        { "error.type" = "hook_panicked",
        "event.name" = event },
        "the event hook panicked"
    );
}

/// An event with all that is known of it. What is not known is left out.
macro_rules! line {
    ($level:expr, $record:expr, $message:literal) => {{
        let event = $record.event();
        tracing::event!(
            target: "tower_oauth2_password",
            $level,
            {
            "event.name" = event.name(),
            "user.id" = event.subject().map(tracing::field::display),
            "user.hash" = event.claimed_name().map(tracing::field::display),
            "oauth2.family" = event.family().map(tracing::field::display),
            "oauth2.client_id" = $record.client().map(tracing::field::display),
            "client.address" = $record.source().map(tracing::field::display),
            "error.type" = event.cause().map(super::Cause::as_str),
            "oauth2.throttle.kind" = throttled(event).map(|(kind, _)| kind),
            "oauth2.throttle.wait_s" = throttled(event).map(|(_, wait)| wait),
            "oauth2.revocation.reason" = revoked(event).map(|(reason, _)| reason),
            "oauth2.revocation.logins" = revoked(event).map(|(_, logins)| logins),
            },
            $message
        )
    }};
}

pub(super) fn event(record: &Record) {
    match record.event() {
        Event::Replayed { .. } => line!(
            Level::WARN,
            record,
            "a spent refresh token was presented again; its login was revoked"
        ),
        Event::Throttled { .. } => line!(
            Level::WARN,
            record,
            "an attempt was turned away after too many failures"
        ),
        Event::LoginFailed { .. } => line!(Level::DEBUG, record, "a login failed"),
        Event::LoggedIn { .. } => line!(Level::DEBUG, record, "a user logged in"),
        Event::Refreshed { .. } => line!(Level::DEBUG, record, "a login was refreshed"),
        Event::RefreshFailed { .. } => line!(Level::DEBUG, record, "a refresh failed"),
        Event::Revoked { .. } => line!(Level::DEBUG, record, "tokens were revoked"),
        Event::ClientFailed { .. } => line!(Level::DEBUG, record, "a client was refused"),
        Event::TokenRefused { .. } => line!(Level::DEBUG, record, "an access token was refused"),
        Event::StoredHashRefused { .. } => {
            line!(Level::DEBUG, record, "the user's stored hash was refused");
        }
    }
}

fn throttled(event: &Event) -> Option<(&'static str, u64)> {
    match event {
        Event::Throttled { kind, wait, .. } => Some((kind, wait.as_secs())),
        _ => None,
    }
}

fn revoked(event: &Event) -> Option<(&'static str, usize)> {
    match event {
        Event::Revoked { reason, logins, .. } => Some((reason.as_str(), *logins)),
        _ => None,
    }
}

/// The span of one request to an endpoint.
#[derive(Clone)]
pub(crate) struct RequestSpan(Span);

macro_rules! span {
    ($name:literal) => {
        tracing::info_span!(
            target: "tower_oauth2_password",
            $name,
            "oauth2.grant_type" = Empty,
            "oauth2.client_id" = Empty,
            "client.address" = Empty,
            "oauth2.outcome" = Empty,
            "error.type" = Empty,
            "http.response.status_code" = Empty,
        )
    };
}

impl RequestSpan {
    pub(crate) fn new(name: &'static str) -> Self {
        Self(match name {
            "oauth2.revoke" => span!("oauth2.revoke"),
            "oauth2.introspect" => span!("oauth2.introspect"),
            _ => span!("oauth2.token"),
        })
    }

    pub(crate) fn has_source(&self, source: Source) {
        self.0
            .record("client.address", tracing::field::display(source));
    }

    pub(crate) fn has_client(&self, id: &str) {
        self.0.record("oauth2.client_id", id);
    }

    /// Only what is offered: what a client makes up belongs into no index.
    pub(crate) fn has_grant_type(&self, grant_type: &str) {
        let known = match grant_type {
            "password" | "refresh_token" => grant_type,
            _ => "_OTHER",
        };
        self.0.record("oauth2.grant_type", known);
    }

    pub(crate) fn ended(&self, status: u16, error: Option<&str>) {
        let outcome = match status {
            ..400 => "ok",
            400..500 => "refused",
            500.. => "failed",
        };
        self.0.record("oauth2.outcome", outcome);
        self.0.record("http.response.status_code", status);
        if let Some(error) = error {
            self.0.record("error.type", error);
        }
    }

    pub(crate) fn around<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.0)
    }
}
