//! Frameworks, each behind its feature.

#[cfg(feature = "axum")]
mod axum;
