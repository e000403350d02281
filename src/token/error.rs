use std::{error::Error, fmt, time::Duration};

use http::StatusCode;

use super::OAuthError;
use crate::{model::RandomError, password::CheckError, store::StoreError};

/// Why a token request was refused.
///
/// `Display` speaks to the operator. The client sees [`status`](Self::status),
/// [`code`](Self::code) and a fixed description (RFC 6749 §5.2). The error is also in the
/// response's extensions, for layers further out to log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// The request is none that this endpoint understands.
    InvalidRequest(RequestFault),
    /// The client is unknown or its secret is wrong, or a client is needed and none was named.
    InvalidClient {
        /// Whether the answer is 401 with a challenge for HTTP Basic, as it must be where the
        /// client used `Authorization`, and for introspection (RFC 7662 §2.3); otherwise 400, so
        /// that no browser asks its user.
        challenge: bool,
    },
    /// The client may not do this.
    UnauthorizedClient,
    /// The grant type is none that is offered here.
    UnsupportedGrantType,
    /// The scope is malformed, or more than the account may have.
    InvalidScope,
    /// Wrong password, no such user, disabled, no password: the client learns no more than that.
    InvalidGrant,
    /// The refresh token, or the token to revoke, is unknown, expired, revoked or another
    /// client's, or its user is gone.
    InvalidToken,
    /// The refresh token was spent before: somebody has a copy. All tokens of its login are
    /// revoked. The client learns no more than of [`InvalidToken`](Self::InvalidToken).
    Replayed,
    /// Too many failures came before: nothing was checked.
    Throttled {
        /// How long to wait, at least a second.
        wait: Duration,
    },
    /// Whether the credentials are good was not found out, because a store failed.
    Unavailable(StoreError),
    /// Whether the credentials are good was not found out, because no password check was made.
    Unchecked(CheckError),
    /// The credentials are good, but no token could be made.
    NotIssued(IssueFault),
    /// What an application's own [`Authenticate`](super::Authenticate) answers.
    Custom(Box<OAuthError>),
}

/// What is wrong with a request to the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFault {
    /// Not `POST` (RFC 6749 §3.2).
    Method,
    /// Not over TLS, as far as the proxy in front says (RFC 6749 §1.6).
    Insecure,
    /// Not `application/x-www-form-urlencoded` (RFC 6749 Appendix B).
    MediaType,
    /// More bytes than are read.
    TooLarge,
    /// The body took longer than is waited for.
    TooSlow,
    /// The body ended before it was whole.
    Interrupted,
    /// Not form-encoded UTF-8, or a control character in it.
    Form,
    /// A parameter twice (RFC 6749 §3.2).
    Repeated,
    /// More parameters than are read.
    TooMany,
    /// Client credentials with more bytes than are read.
    CredentialsTooLong,
    /// The client says who it is in two ways (RFC 6749 §2.3).
    TwoClientMethods,
    /// A parameter is missing or has no value (RFC 6749 §3.2).
    Missing(&'static str),
}

/// Why no token came of a good password.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum IssueFault {
    /// No random bytes.
    Random(RandomError),
    /// A new token's digest was in the store already: the random bytes are not random.
    Repeated,
}

impl TokenError {
    /// The status of the answer (RFC 6749 §5.2): 400 where nothing else is specified.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(RequestFault::Method) => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidRequest(RequestFault::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidRequest(RequestFault::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::InvalidClient { challenge: true } => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest(_)
            | Self::InvalidClient { challenge: false }
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidGrant
            | Self::InvalidToken
            | Self::Replayed => StatusCode::BAD_REQUEST,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::Unchecked(CheckError::Pool(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unchecked(_) | Self::NotIssued(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Custom(error) => error.status(),
        }
    }

    /// The `error` of the answer: RFC 6749 §5.2 for what the client did, §4.1.2.1 for what
    /// happened here.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient { .. } => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidGrant | Self::InvalidToken | Self::Replayed => "invalid_grant",
            Self::Throttled { .. }
            | Self::Unavailable(_)
            | Self::Unchecked(CheckError::Pool(_)) => "temporarily_unavailable",
            Self::Unchecked(_) | Self::NotIssued(_) => "server_error",
            Self::Custom(error) => error.code(),
        }
    }

    /// What the client is told in words: never anything that it sent.
    pub(super) fn description(&self) -> Option<&str> {
        Some(match self {
            Self::InvalidRequest(fault) => fault.description(),
            Self::InvalidClient { .. } => "the client is unknown or its credentials are wrong",
            Self::UnauthorizedClient => "the client may not do this",
            Self::UnsupportedGrantType => "the grant type is not offered here",
            Self::InvalidScope => "the scope is malformed or more than is allowed",
            Self::InvalidGrant => "the username or the password is wrong",
            Self::InvalidToken | Self::Replayed => "the token is invalid, expired or revoked",
            Self::Throttled { .. } => "too many failed attempts, try again later",
            Self::Unavailable(_) | Self::Unchecked(CheckError::Pool(_)) => {
                "the request could not be checked, try again later"
            }
            Self::Unchecked(_) | Self::NotIssued(_) => "the request failed on the server",
            Self::Custom(error) => return error.told(),
        })
    }
}

impl RequestFault {
    fn description(self) -> &'static str {
        match self {
            Self::Method => "a token request is a POST",
            Self::Insecure => "a token request needs TLS",
            Self::MediaType => "the body must be application/x-www-form-urlencoded",
            Self::TooLarge => "the body is too large",
            Self::TooSlow => "the body took too long",
            Self::Interrupted => "the body is incomplete",
            Self::Form => "the body is not form-encoded UTF-8 text",
            Self::Repeated => "a parameter is there more than once",
            Self::TooMany => "there are too many parameters",
            Self::CredentialsTooLong => "the client credentials are too long",
            Self::TwoClientMethods => "the client says who it is in more than one way",
            Self::Missing("refresh_token") => "refresh_token is missing",
            Self::Missing("token") => "token is missing",
            Self::Missing("client_id") => "client_id is missing",
            Self::Missing("grant_type") => "grant_type is missing",
            Self::Missing("username") => "username is missing",
            Self::Missing("password") => "password is missing",
            Self::Missing(_) => "a parameter is missing",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(fault) => f.write_str(fault.description()),
            Self::InvalidClient { .. } => f.write_str("the client was not authenticated"),
            Self::UnauthorizedClient => f.write_str("the client may not do this"),
            Self::UnsupportedGrantType => f.write_str("the grant type is not supported"),
            Self::InvalidScope => f.write_str("the scope is malformed or more than is allowed"),
            Self::InvalidGrant => f.write_str("the credentials are wrong"),
            Self::InvalidToken => f.write_str("the token is not valid"),
            Self::Replayed => f.write_str("a spent refresh token was presented again"),
            Self::Throttled { wait } => {
                write!(
                    f,
                    "too many failures came before; wait {} s",
                    wait.as_secs()
                )
            }
            Self::Unavailable(error) => error.fmt(f),
            Self::Unchecked(error) => error.fmt(f),
            Self::NotIssued(IssueFault::Random(error)) => error.fmt(f),
            Self::NotIssued(IssueFault::Repeated) => {
                f.write_str("a new token is in the store already: the random source is broken")
            }
            Self::Custom(error) => error.fmt(f),
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            Self::Unchecked(error) => Some(error),
            Self::NotIssued(IssueFault::Random(error)) => Some(error),
            _ => None,
        }
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<CheckError> for TokenError {
    fn from(error: CheckError) -> Self {
        Self::Unchecked(error)
    }
}

impl From<OAuthError> for TokenError {
    fn from(error: OAuthError) -> Self {
        Self::Custom(Box::new(error))
    }
}
