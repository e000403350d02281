//! From what a request came to, to what is told of it.

use super::{FormRequest, TokenError, guard::Guard, issue::Login};
use crate::{
    model::Family,
    observe::{Cause, ClaimedName, Event, RevocationReason},
    password::{CheckError, PoolError},
};

pub(super) fn cause(error: &TokenError) -> Cause {
    match error {
        TokenError::InvalidRequest(_) => Cause::Malformed,
        TokenError::InvalidClient { .. }
        | TokenError::InvalidGrant
        | TokenError::InvalidToken
        | TokenError::Replayed => Cause::Wrong,
        TokenError::UnauthorizedClient
        | TokenError::UnsupportedGrantType
        | TokenError::InvalidScope
        | TokenError::Throttled { .. } => Cause::NotAllowed,
        TokenError::Custom(_) => Cause::Application,
        TokenError::Unavailable(_) => Cause::Unavailable,
        TokenError::Unchecked(CheckError::Pool(PoolError::Full)) => Cause::Busy,
        TokenError::Unchecked(_) | TokenError::NotIssued(_) => Cause::Failed,
    }
}

/// Whether the throttle has told of it already.
fn is_told(error: &TokenError) -> bool {
    matches!(error, TokenError::Throttled { .. })
}

pub(super) fn login(guard: &Guard, username: &str, done: &Result<Login, TokenError>) {
    match done {
        Ok(login) => {
            guard.report(Event::LoggedIn {
                subject: login.subject.clone(),
                family: login.family,
            });
            for family in &login.ended {
                guard.report(Event::Revoked {
                    subject: Some(login.subject.clone()),
                    family: Some(*family),
                    logins: 1,
                    reason: RevocationReason::SessionCap,
                });
            }
        }
        Err(error) if is_told(error) => {}
        Err(error) => guard.report(Event::LoginFailed {
            name: ClaimedName::new(username),
            cause: cause(error),
        }),
    }
}

pub(super) fn refresh<T>(
    request: &FormRequest,
    family: Option<&Family>,
    done: &Result<T, TokenError>,
) {
    let login = family.map(|family| (family.subject().clone(), family.id()));
    request.guard.report(match (done, login) {
        (Err(error), _) if is_told(error) => return,
        (Ok(_), Some((subject, family))) => Event::Refreshed { subject, family },
        (Err(TokenError::Replayed), Some((subject, family))) => Event::Replayed { subject, family },
        (Err(error), login) => Event::RefreshFailed {
            login,
            cause: cause(error),
        },
        // Only a family is refreshed.
        (Ok(_), None) => return,
    });
}

/// A client that is not who it says, or that the store could not tell of.
pub(super) fn client(guard: &Guard, name: Option<&str>, error: &TokenError) {
    if !is_told(error) {
        guard.report(Event::ClientFailed {
            name: name.map(ClaimedName::new),
            cause: cause(error),
        });
    }
}
