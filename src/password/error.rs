use std::{error::Error, fmt, sync::Arc};

/// Why a hash could not be made or a password could not be compared with one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HashError {
    /// The password is longer than the scheme can take whole.
    TooLong {
        /// The most **bytes** that the scheme takes.
        limit: usize,
    },
    /// The password holds a NUL byte, which bcrypt cannot tell from the password's end.
    Nul,
    /// The stored hash is malformed, or of a scheme that no hasher here knows.
    Unreadable,
    /// The stored hash asks for more work than the hasher's cap allows.
    TooCostly,
    /// Hashing failed for a reason outside password and hash: no random bytes, no memory.
    Failed(Arc<dyn Error + Send + Sync>),
}

impl HashError {
    pub(super) fn failed(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Failed(Arc::new(source))
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the password is longer than {limit} bytes"),
            Self::Nul => f.write_str("the password holds a NUL byte"),
            Self::Unreadable => f.write_str("the stored hash is malformed or of an unknown scheme"),
            Self::TooCostly => f.write_str("the stored hash is costlier than the cap allows"),
            Self::Failed(source) => write!(f, "hashing failed: {source}"),
        }
    }
}

impl Error for HashError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(source) => Some(source),
            _ => None,
        }
    }
}
