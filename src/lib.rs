#![doc = include_str!("../README.md")]
//!
//! # How a request goes
//!
//! ```text
//! protected request   HTTP in -> extract -> validate -> inject -> your handler
//!                                  |          |
//!                                  '-> reject <'      401 / 400 / 403 / 503, or a gRPC status
//!
//! token request       HTTP in -> receive -> identify client -> grant -> issue -> respond
//!                                  |             |             |        |
//!                                  '-------------'-------------'--------'-> TokenError as OAuth JSON
//! ```
//!
//! # Where things are
//!
//! [`PasswordFlow`] is the front door. Behind it, each step is public and can be put together by
//! hand: [`bearer`] guards, [`token`] logs in, [`store`] has the traits that an application
//! implements, [`password`] hashes, [`model`] has the nouns that they share. The [`guide`] has the
//! longer explanations; [`guide::browsers`] is for whoever serves web pages.
//!
//! # Order of layers
//!
//! In `Router::layer` and `ServiceBuilder` alike, think of what a request meets first:
//!
//! 1. a CORS layer, as browsers send preflights without credentials;
//! 2. [`EndpointLayer`], as whoever logs in has no token yet (or [`TokenService`] on a route of its
//!    own, outside of what is guarded);
//! 3. [`BearerLayer`];
//! 4. [`RequireScope`], on the routes that need one.
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any time. A password check that has begun runs to its end
//! on its thread, and a token that was saved but could not be sent expires unused. A refresh whose
//! answer was lost has spent its token: see [`guide::refresh`] for the grace window.
//!
//! # Stability
//!
//! The public API names types of `http`, `http-body`, `bytes`, `tower-layer` and `tower-service`
//! only, with feature `axum` those of `axum-core`, with `openapi` those of `serde_json`, and with
//! `utoipa` those of `utoipa`. Enums that may grow are non-exhaustive.

#![forbid(unsafe_code)]

pub mod bearer;
mod flow;
pub mod guide;
mod integrations;
pub mod model;
pub mod observe;
pub mod password;
pub mod store;
pub mod throttle;
pub mod token;
mod wire;

pub use bearer::{BearerLayer, RequireScope};
pub use flow::PasswordFlow;
#[cfg(feature = "openapi")]
pub use integrations::openapi;
pub use model::Authenticated;
pub use store::memory::{MemoryClients, MemoryTokens, MemoryUsers};
pub use token::{EndpointLayer, TokenService};
pub use wire::ResponseBody;
