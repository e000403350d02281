//! Log in with a password, get a bearer token, call the API, under any Tower service.

#![forbid(unsafe_code)]

pub mod bearer;
mod flow;
mod integrations;
pub mod model;
mod observe;
pub mod password;
pub mod store;
pub mod token;
mod wire;

pub use bearer::{BearerLayer, RequireScope};
pub use flow::PasswordFlow;
pub use model::Authenticated;
pub use store::memory::{MemoryTokens, MemoryUsers};
pub use token::{TokenLayer, TokenService};
pub use wire::ResponseBody;
