//! The token endpoint: parse, grant, issue, respond.

mod authenticate;
mod custom;
mod error;
mod form;
mod future;
mod grant;
mod issue;
mod layer;
mod parse;
mod respond;
mod service;

pub use authenticate::{Authenticate, Credentials, Identity, PasswordAuthenticator};
pub use custom::{BadOAuthError, OAuthError};
pub use error::{IssueFault, RequestFault, TokenError};
pub use future::{ResponseFuture, RouteFuture};
pub use issue::{Issued, Issuer};
pub use layer::{PathError, TokenLayer, TokenPath};
pub use service::{TokenRoute, TokenService};
