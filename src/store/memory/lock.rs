//! The locks under [`MemoryTokens`](super::MemoryTokens).
//!
//! `lock_loom.rs` has the same functions over the locks of `loom`, which then tries every order in
//! which threads can take them.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many locks there are of a kind, so that threads seldom meet.
pub(super) const PARTS: usize = 256;

pub(super) struct Lock<T>(RwLock<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    // Nothing panics half-way under a lock, so what is in there is whole even if a thread has died.

    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
