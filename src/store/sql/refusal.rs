use std::{borrow::Cow, error::Error, fmt};

use crate::store::StoreError;

/// What the database says about a statement that it refused.
///
/// PostgreSQL adds the row that broke a constraint, with the hash or the digests in it, and the
/// driver's error shows that as `Debug`. So only what it says in general is kept.
#[derive(Debug)]
struct Refusal {
    message: String,
    code: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error returned from database: {}", self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(refused) => StoreError::new(Refusal {
            message: refused.message().to_owned(),
            code: refused.code().map(Cow::into_owned),
        }),
        None => StoreError::new(error),
    }
}
