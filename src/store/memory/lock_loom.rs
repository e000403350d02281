//! [`lock.rs`](../lock.rs) over the locks of `loom`.

use loom::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(super) const PARTS: usize = 1;

pub(super) const READ_PARTS: usize = 1;

pub(super) type ReadMostly<T> = Lock<T>;

pub(super) struct Lock<T>(RwLock<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().expect("no test panics under a lock")
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().expect("no test panics under a lock")
    }
}
