//! Longer explanations, page by page.

#[doc = include_str!("browsers.md")]
pub mod browsers {}

#[doc = include_str!("refresh.md")]
pub mod refresh {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("threats.md")]
pub mod threats {}
