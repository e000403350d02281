//! All integration tests in one binary, as each binary costs a link.

mod support;
