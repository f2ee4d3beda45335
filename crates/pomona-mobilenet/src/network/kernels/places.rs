//! Where the pixels of a dense tensor go in padded planes.

use super::BLOCK;

/// A place a pixel, in floats from the start of a plane, and how far they reach.
#[derive(Debug, Default)]
pub(crate) struct Places {
    list: Vec<u32>,
    furthest: usize,
}

impl Places {
    /// Room for some places, none of them set.
    pub fn with_capacity(pixels: usize) -> Self {
        Self {
            list: Vec::with_capacity(pixels),
            furthest: 0,
        }
    }

    /// Makes room for some places in all.
    pub fn reserve(&mut self, pixels: usize) {
        self.list.reserve(pixels.saturating_sub(self.list.len()));
    }

    /// Forgets all places and sets those of runs of neighbouring pixels, `length` each, that start
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

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The places in order; none is beyond [`Places::furthest`].
    pub fn list(&self) -> &[u32] {
        &self.list
    }

    /// The largest of them.
    pub fn furthest(&self) -> usize {
        self.furthest
    }
}
