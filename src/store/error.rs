use std::{error::Error, fmt, sync::Arc};

/// A store could not be asked.
///
/// It says nothing to the client beyond 503. The operator finds the cause in
/// [`source`](Error::source) and in the log. A clone costs one reference count.
///
/// # Example
///
/// ```
/// # use {std::io, tower_oauth2_password::store::StoreError};
/// let error = StoreError::new(io::Error::from(io::ErrorKind::ConnectionRefused));
/// assert_eq!(error.to_string(), "the store could not be asked: connection refused");
/// ```
#[derive(Clone, Debug)]
pub struct StoreError {
    source: Arc<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Wraps what the driver said; a `&str` or `String` will do.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = Arc::from(source.into());
        Self { source }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store could not be asked: {}", self.source)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
