//! [`Cache`]: what is loaded once a process, and again when its file has been replaced.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pomona_weights::Stamp;

/// One slot a value, so that two partitions that start together load it once.
type Slot<V> = Arc<Mutex<Option<Cached<V>>>>;

/// A value with the stamp that its file had.
#[derive(Debug)]
struct Cached<V> {
    stamp: Option<Stamp>,
    value: Arc<V>,
}

/// Values by what they were loaded from. They stay until the process ends.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// The value of a key, loaded unless it is there and its file has the stamp that it had.
    pub(crate) fn get<E>(
        &self,
        key: K,
        stamp: Option<Stamp>,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        let slot = Arc::clone(open(&self.slots).entry(key).or_default());
        let mut slot = open(&slot);
        // A file that is being replaced may be gone for a moment: then the old one still serves.
        if let Some(cached) = &*slot
            && (stamp.is_none() || stamp == cached.stamp)
        {
            return Ok(Arc::clone(&cached.value));
        }
        let value = Arc::new(load()?);
        *slot = Some(Cached {
            stamp,
            value: Arc::clone(&value),
        });
        Ok(value)
    }
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
