//! Protected requests: extract, validate, inject; or reject.

mod challenge;
mod error;
mod extract;
mod future;
mod inject;
mod layer;
mod place;
mod reject;
mod scope;
mod service;
mod session;
mod validate;

pub use error::Rejection;
pub use future::ResponseFuture;
pub use layer::BearerLayer;
pub use place::OriginCheck;
pub use scope::{RequireScope, ScopeFuture, ScopeGuard};
pub use service::Bearer;
pub use session::SessionValidator;
pub use validate::{Validate, ValidateFn, validate_fn};

pub(crate) use reject::refuse;
