//! [`Objects`]: what functions read weights with that are neither on a disk nor on a web server.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pomona_weights::ObjectReader;

/// The object stores of a session, for the functions that load a network.
///
/// It is equipment, not state: functions travel by name, and every process gives those of its own
/// registry its own stores. Two functions are equal whatever they read with, so that the planner
/// knows equal calls.
#[derive(Debug, Clone, Default)]
pub struct Objects(Option<Arc<dyn ObjectReader>>);

impl Objects {
    /// No object stores: names, paths and web servers alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// The object stores behind a reader.
    pub fn new(reader: Arc<dyn ObjectReader>) -> Self {
        Self(Some(reader))
    }

    /// What reads the objects, if there is one.
    pub fn reader(&self) -> Option<&Arc<dyn ObjectReader>> {
        self.0.as_ref()
    }
}

impl PartialEq for Objects {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Objects {}

impl Hash for Objects {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}
