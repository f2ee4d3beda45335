//! The tile unit on architectures that have none: never available.

use crate::mean::Mean;

/// Columns of a strip.
pub(crate) const SIDE: usize = 16;
/// Rows of a block.
pub(crate) const ROWS: usize = 256;

/// Has no value.
#[derive(Clone, Debug)]
pub(crate) enum TileGram {}

impl TileGram {
    /// Always `None`.
    pub(crate) fn new(_columns: usize) -> Option<Self> {
        None
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        match *self {}
    }

    /// Adds a block of rows to the moments of others.
    pub(crate) fn add(&mut self, _: &[f32], _: u64, _: &mut Mean, _: &mut [f64]) {
        match *self {}
    }
}
