//! What the operator gets to read. No line holds a token, a password or a hash.

#[cfg(not(feature = "tracing"))]
#[path = "silent.rs"]
mod backend;
#[cfg(feature = "tracing")]
#[path = "traced.rs"]
mod backend;

#[cfg(feature = "cache")]
mod cache;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stores;

use std::{error::Error, fmt::Display};

use backend::{error, warn};
#[cfg(feature = "cache")]
pub(crate) use cache::news_not_told;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use stores::purge_failed;

/// A guard, or an extractor, found that no `BearerLayer` ran before it.
pub(crate) fn unguarded(who: &'static str, user: &'static str) {
    error(
        "no BearerLayer for this user type ran before it: the request was refused with 500; \
         add BearerLayer outside of it",
        &[("who", &who), ("user", &user)],
    );
}

/// A store did not answer a question about a token.
pub(crate) fn token_not_checked(cause: &dyn Error) {
    error(
        "the store failed, so an access token could not be checked",
        &[("error", &cause)],
    );
}

/// A login or its token could not be completed for a reason that is not the client's.
pub(crate) fn grant_failed(cause: &dyn Error) {
    error("a token request failed", &[("error", &cause)]);
}

/// A login was turned away because too many wait: a crowd, an attack, or a pool that is too small.
pub(crate) fn login_turned_away(cause: &dyn Error) {
    warn("a login was turned away", &[("error", &cause)]);
}

/// A stored hash is malformed or too costly: its owner cannot log in until it is replaced.
pub(crate) fn stored_hash_refused(cause: &dyn Error) {
    warn("a stored password hash was refused", &[("error", &cause)]);
}

/// A login went through, but its outdated hash could not be replaced.
pub(crate) fn rehash_failed(cause: &dyn Error) {
    warn(
        "an outdated password hash could not be replaced",
        &[("error", &cause)],
    );
}

/// A spent refresh token came back: it was stolen, or a client keeps old ones.
pub(crate) fn refresh_replayed(subject: &dyn Display, family: &dyn Display) {
    warn(
        "a spent refresh token was presented again; its login was revoked",
        &[("subject", subject), ("family", family)],
    );
}

/// An attempt came too early: somebody guesses, or has forgotten a password.
pub(crate) fn throttled(kind: &dyn Display, wait: &dyn Display) {
    warn(
        "an attempt was turned away after too many failures",
        &[("kind", kind), ("wait_seconds", wait)],
    );
}

/// The end of an attempt could not be noted, so that it counts as failed.
pub(crate) fn throttle_failed(cause: &dyn Error) {
    error("an attempt could not be noted", &[("error", &cause)]);
}

/// The application does not know where a request comes from: a proxy that is not set up, or a
/// request around it. Only the path is told: in a query there may be a password that does not belong
/// there.
pub(crate) fn source_missing(path: &dyn Display) {
    error(
        "a request has no source address, so that its guesses are not told from others'",
        &[("path", path)],
    );
}
