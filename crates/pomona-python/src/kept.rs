//! [`Kept`]: what a Python object keeps of the engine.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use crate::runtime::{Ends, is_of_this_process};

/// A value that several threads use, that can be let go before the object that keeps it, and that a fork does not
/// drop: the folders of a cluster inside a process belong to the process that made them.
pub(crate) struct Kept<T> {
    value: Mutex<Option<Arc<T>>>,
    process: u32,
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Arc<Self> {
        Arc::new(Self {
            value: Mutex::new(Some(Arc::new(value))),
            process: process::id(),
        })
    }

    /// The value, unless it was let go.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.lock().clone()
    }

    /// Puts a value in the place of the one before.
    pub(crate) fn replace(&self, value: T) {
        let before = self.lock().replace(Arc::new(value));
        // Outside the lock, for which others may wait that this waits for.
        drop(before);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<T>>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync> Ends for Kept<T> {
    fn end(&self) {
        let value = self.lock().take();
        drop(value);
    }
}

impl<T> Drop for Kept<T> {
    #[expect(
        clippy::mem_forget,
        reason = "in a fork the value is a copy of another process's"
    )]
    fn drop(&mut self) {
        if !is_of_this_process(self.process) {
            let value = self.value.get_mut();
            std::mem::forget(value.unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
