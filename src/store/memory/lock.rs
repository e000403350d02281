//! The locks under [`MemoryTokens`](super::MemoryTokens).
//!
//! `lock_loom.rs` has the same functions over the locks of `loom`, which then tries every order in
//! which threads can take them.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};

/// How many [`Lock`]s there are of a kind, so that threads seldom meet.
pub(super) const PARTS: usize = 64;

/// How many [`ReadMostly`] there are: fewer, as readers do not meet anyway, and each has lines of its
/// own in a processor's cache, which every request needs.
pub(super) const READ_PARTS: usize = 8;

// Nothing panics half-way under a lock, so what is in there is whole even if a thread has died.

/// No two share a cache line.
#[repr(align(64))]
pub(super) struct Lock<T>(RwLock<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For what every request reads: threads that read the same do not slow each other down. Who writes
/// pays for that.
#[repr(align(64))]
pub(super) struct ReadMostly<T>(ShardedLock<T>);

impl<T> ReadMostly<T> {
    pub(super) fn new(value: T) -> Self {
        Self(ShardedLock::new(value))
    }

    pub(super) fn read(&self) -> ShardedLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> ShardedLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
