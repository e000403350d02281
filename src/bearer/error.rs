use std::{error::Error, fmt};

use http::StatusCode;

use crate::{model::Scope, store::StoreError};

/// Why a request was turned away.
///
/// `Display` speaks to the operator. The client sees only [`status`](Self::status) and
/// [`code`](Self::code), so an unknown, an expired and a revoked token look the same. The
/// rejection is also in the response's extensions, for layers further out to log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// No bearer credentials. RFC 6750 §3.1: answer without an error code.
    Missing,
    /// The credentials do not parse, come twice, or are too long.
    Malformed,
    /// A cookie came with a request of another site's page, see
    /// [`OriginCheck`](super::OriginCheck); or a browser was sent to a target with a token in it,
    /// see [`BearerLayer::with_insecure_query`](super::BearerLayer::with_insecure_query).
    CrossSite,
    /// The token is unknown, expired or revoked, or its user is gone.
    Invalid,
    /// The token is good but does not allow this.
    InsufficientScope {
        /// What would have been needed.
        required: Scope,
    },
    /// The token was judged neither good nor bad, because the store or whoever else had to be
    /// asked failed.
    Unchecked(StoreError),
    /// No `BearerLayer` ran before a guard or an extractor: a mistake in the application.
    Unguarded,
}

impl Rejection {
    /// The status of the answer (RFC 6750 §3.1).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid => StatusCode::UNAUTHORIZED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::CrossSite | Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            Self::Unchecked(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code of the answer, if it has one: RFC 6750 §3.1 for what the client did with its
    /// token, RFC 6749 §4.1.2.1 for all else.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Malformed => Some("invalid_request"),
            Self::CrossSite => Some("access_denied"),
            Self::Invalid => Some("invalid_token"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            Self::Unchecked(_) => Some("temporarily_unavailable"),
            Self::Unguarded => Some("server_error"),
        }
    }

    /// What the client is told in words.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Missing => "a bearer token is needed",
            Self::Malformed => "the bearer credentials are malformed",
            Self::CrossSite => {
                "only the header counts in a request that another site may have caused"
            }
            Self::Invalid => "the access token is invalid or expired",
            Self::InsufficientScope { .. } => "the access token does not allow this",
            Self::Unchecked(_) => "the access token could not be checked, try again later",
            Self::Unguarded => "the server is set up wrongly",
        }
    }

    /// The status for a gRPC client: 16 unauthenticated, 7 permission denied, 14
    /// unavailable, 13 internal.
    pub(super) fn grpc_status(&self) -> u16 {
        match self {
            Self::Missing | Self::Malformed | Self::Invalid => 16,
            Self::CrossSite | Self::InsufficientScope { .. } => 7,
            Self::Unchecked(_) => 14,
            Self::Unguarded => 13,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no bearer token in the request"),
            Self::Malformed => f.write_str("the bearer credentials are malformed"),
            Self::CrossSite => f.write_str("another site's page may have caused the request"),
            Self::Invalid => f.write_str("the access token is not valid"),
            Self::InsufficientScope { required } => write!(f, "the token lacks scope {required}"),
            Self::Unchecked(_) => f.write_str("the access token could not be checked"),
            Self::Unguarded => f.write_str("no BearerLayer ran before the guard"),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unchecked(error) => Some(error),
            _ => None,
        }
    }
}
