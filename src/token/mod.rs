//! The token endpoint and its companions: receive, identify the client, grant, issue, respond.

mod authenticate;
mod client;
mod cookie;
mod custom;
mod deadline;
mod endpoint;
mod error;
mod form;
mod future;
mod grant;
mod guard;
mod introspect;
mod issue;
mod layer;
mod limits;
mod metadata;
mod policy;
mod receive;
mod report;
mod respond;
mod revoke;
mod service;

pub use authenticate::{Authenticate, Credentials, Identity, PasswordAuthenticator};
pub use cookie::{SameSite, TokenCookie};
pub use custom::{BadOAuthError, OAuthError};
pub use endpoint::{Endpoint, Handle};
pub use error::{IssueFault, RequestFault, TokenError};
pub use future::{ResponseFuture, RouteFuture};
pub use grant::Grants;
pub use introspect::{Introspection, IntrospectionService};
pub use issue::{Issued, Issuer};
pub use layer::{EndpointLayer, EndpointPath, EndpointRoute, PathError};
pub use limits::Limits;
pub use metadata::{Document, ResourceMetadata, ServerMetadata};
pub use policy::Refresh;
pub use revoke::{Revocation, RevocationService};
pub use service::TokenService;

pub(crate) use client::Clients;
use endpoint::FormRequest;
pub(crate) use grant::Label;
