//! [`DividedKeys`]: the keys of a location, of which any range is listed alone.

use std::sync::Arc;

use futures::stream::BoxStream;
use object_store::ObjectStore;
use object_store::path::Path;

use super::chooser::{Chooser, Entry};
use super::ranges::KeyRange;
use super::tree::{Pace, begin, between};
use super::{PAGE, Page};
use crate::error::ImagesError;
use crate::skipped::Skipped;

/// The keys of a location that is listed by ranges.
#[derive(Debug)]
pub(crate) struct DividedKeys {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) chooser: Chooser,
    /// Folders, of which the keys that begin with a name are listed.
    pub(super) parts: Vec<(Path, String)>,
}

impl DividedKeys {
    /// What the keys of each part begin with.
    pub(crate) fn begins(&self) -> impl Iterator<Item = String> {
        let parts = self.parts.iter();
        parts.map(|(folder, name)| begin(folder, name))
    }

    /// The entries of a part whose keys are in a range, in pages.
    pub(crate) fn between(&self, part: usize, range: &KeyRange) -> BoxStream<'static, Vec<Entry>> {
        let pace = Pace {
            at_once: 1,
            page: PAGE,
        };
        let (folder, name) = &self.parts[part];
        between(&self.store, folder, name, range, pace)
    }

    /// The images among entries.
    ///
    /// # Errors
    /// With the first entry that is an error of the store.
    pub(crate) fn page(&self, entries: Vec<Entry>) -> Result<Page, ImagesError> {
        self.chooser.page(entries, Skipped::default())
    }
}
