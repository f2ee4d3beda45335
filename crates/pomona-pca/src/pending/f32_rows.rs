//! Rows that wait as `f32`, in the strips of the tile kernel.

use super::{BLOCK, capacity};
use crate::kernels::{AlignedBuffer, STRIP};

/// Up to `BLOCK` rows in strips of `STRIP` columns, `[strip][row][column]`; the columns after the
/// last feature are zeros.
#[derive(Clone, Debug)]
pub(super) struct F32Rows {
    dimension: usize,
    rows: usize,
    capacity: usize,
    strips: AlignedBuffer<f32>,
}

impl F32Rows {
    /// No rows and no allocation.
    pub(super) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            rows: 0,
            capacity: 0,
            strips: AlignedBuffer::default(),
        }
    }

    /// Features in a row.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes held on the heap.
    pub(super) fn size(&self) -> usize {
        self.strips.size()
    }

    /// Appends as many of the rows as fit and returns how many numbers were appended.
    pub(super) fn append(&mut self, rows: &[f32]) -> usize {
        let taken = usize::min(rows.len() / self.dimension, BLOCK - self.rows);
        self.reserve(self.rows + taken);
        let stride = self.capacity * STRIP;
        for row in rows.chunks_exact(self.dimension).take(taken) {
            let (whole, rest) = row.as_chunks::<STRIP>();
            let mut at = self.rows * STRIP;
            for values in whole {
                self.strips[at..at + STRIP].copy_from_slice(values);
                at += stride;
            }
            if !rest.is_empty() {
                self.strips[at..at + rest.len()].copy_from_slice(rest);
            }
            self.rows += 1;
        }
        taken * self.dimension
    }

    /// The block if it is full.
    pub(super) fn block(&self) -> Option<&[f32]> {
        (self.rows == BLOCK).then_some(&*self.strips)
    }

    /// Copies a row that waits.
    pub(super) fn read(&self, row: usize, values: &mut [f32]) {
        let stride = self.capacity * STRIP;
        for (strip, values) in values.chunks_mut(STRIP).enumerate() {
            let at = strip * stride + row * STRIP;
            values.copy_from_slice(&self.strips[at..at + values.len()]);
        }
    }

    /// Clears the block.
    pub(super) fn clear(&mut self) {
        self.rows = 0;
    }

    /// Grows to a capacity of at least `rows` rows by doubling.
    fn reserve(&mut self, rows: usize) {
        if rows <= self.capacity {
            return;
        }
        let capacity = capacity(rows);
        let strips = self.dimension.div_ceil(STRIP);
        let mut grown = AlignedBuffer::zeroed(strips * capacity * STRIP);
        let (old, new, filled) = (self.capacity, capacity, self.rows * STRIP);
        if old > 0 {
            let strips = self.strips.chunks(old * STRIP);
            for (from, to) in strips.zip(grown.chunks_mut(new * STRIP)) {
                to[..filled].copy_from_slice(&from[..filled]);
            }
        }
        self.strips = grown;
        self.capacity = capacity;
    }
}
