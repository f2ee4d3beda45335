//! The offsets of a dense tensor's pixels in padded planes.

use super::BLOCK;

/// The offset of each pixel, in floats from the start of a plane, and the largest of them.
#[derive(Debug, Default)]
pub struct Places {
    list: Vec<u32>,
    furthest: usize,
}

impl Places {
    /// Capacity for some places, none of them set.
    pub fn with_capacity(pixels: usize) -> Self {
        Self {
            list: Vec::with_capacity(pixels),
            furthest: 0,
        }
    }

    /// Grows to a capacity of some places.
    pub fn reserve(&mut self, pixels: usize) {
        self.list.reserve(pixels.saturating_sub(self.list.len()));
    }

    /// Replaces all places by those of runs of neighbouring pixels, `length` each, that start
    /// at `starts`; within the capacity without allocating.
    pub fn set(&mut self, starts: impl Iterator<Item = usize>, length: usize) {
        self.list.clear();
        self.furthest = 0;
        for start in starts {
            self.list
                .extend((0..length).map(|pixel| (start + pixel * BLOCK) as u32));
            self.furthest = self.furthest.max(start + length.saturating_sub(1) * BLOCK);
        }
    }

    /// Number of places.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The places in order; none is beyond [`Places::furthest`].
    pub(crate) fn list(&self) -> &[u32] {
        &self.list
    }

    /// The largest of them.
    pub(crate) fn furthest(&self) -> usize {
        self.furthest
    }
}
