//! Frameworks and formats, each behind its feature.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "openapi")]
pub mod openapi;
#[cfg(feature = "utoipa")]
mod utoipa;
