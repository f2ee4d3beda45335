//! Rows that wait as `f64`, in the panels of the f64 kernel.

use super::{BLOCK, capacity};
use crate::kernels::{AlignedBuffer, PANEL, add_gram, center_columns, widen_row};
use crate::mean::Mean;

/// Up to `BLOCK` rows of `f64` in panels of `PANEL` columns, with room for one row more: the shift
/// of the mean, which `fold_into` treats as a row.
#[derive(Clone, Debug)]
pub(super) struct F64Rows {
    dimension: usize,
    rows: usize,
    capacity: usize,
    panels: AlignedBuffer,
}

impl F64Rows {
    /// No rows and no allocation.
    pub(super) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            rows: 0,
            capacity: 0,
            panels: AlignedBuffer::default(),
        }
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes held on the heap.
    pub(super) fn size(&self) -> usize {
        self.panels.size()
    }

    /// Appends as many of the rows as fit and returns how many numbers were appended; fewer than
    /// passed means that the block is full.
    pub(super) fn append<T: Copy + Into<f64>>(&mut self, rows: &[T]) -> usize {
        let taken = usize::min(rows.len() / self.dimension, BLOCK - self.rows);
        self.reserve(self.rows + taken);
        let stride = self.stride();
        for row in rows.chunks_exact(self.dimension).take(taken) {
            widen_row(row, &mut self.panels, self.rows * PANEL, stride);
            self.rows += 1;
        }
        taken * self.dimension
    }

    /// Folds the rows into the moments of `count` other rows and clears the block.
    ///
    /// With the mean of the block and the mean so far a distance `delta` apart, Chan's update adds
    /// the centred products of the block and `n m / (n + m) delta delta^T`. The latter is the
    /// product of one row, `sqrt(n m / (n + m)) delta`, with itself: it is appended to the centred
    /// block, so the triangle is passed over once.
    pub(super) fn fold_into(&mut self, count: &mut u64, mean: &mut Mean, comoment: &mut [f64]) {
        if self.rows == 0 {
            return;
        }
        let (before, added) = (*count as f64, self.rows as f64);
        let after = before + added;
        let weight = f64::sqrt(before * added / after);
        let (rows, stride) = (self.rows, self.stride());
        let dimension = self.dimension;
        for (panel, first) in self
            .panels
            .chunks_mut(stride)
            .zip((0..dimension).step_by(PANEL))
        {
            let center = center_columns(&mut panel[..rows * PANEL]);
            let shift = &mut panel[rows * PANEL..][..PANEL];
            let columns = (first..dimension).zip(shift).zip(center);
            for ((column, shift), center) in columns {
                *shift = weight * mean.approach(column, center, added / after);
            }
        }
        let products = if *count == 0 { rows } else { rows + 1 };
        add_gram(&self.panels, products, stride, self.dimension, comoment);
        *count += self.rows as u64;
        self.rows = 0;
    }

    /// Numbers between the first rows of neighbouring panels.
    fn stride(&self) -> usize {
        (self.capacity + 1) * PANEL
    }

    /// Grows to a capacity of at least `rows` rows by doubling.
    fn reserve(&mut self, rows: usize) {
        if rows <= self.capacity {
            return;
        }
        let capacity = capacity(rows);
        let mut grown = Self {
            dimension: self.dimension,
            rows: self.rows,
            capacity,
            panels: AlignedBuffer::zeroed(self.dimension.div_ceil(PANEL) * (capacity + 1) * PANEL),
        };
        let (old, new, filled) = (self.stride(), grown.stride(), self.rows * PANEL);
        for (from, to) in self.panels.chunks(old).zip(grown.panels.chunks_mut(new)) {
            to[..filled].copy_from_slice(&from[..filled]);
        }
        *self = grown;
    }
}
