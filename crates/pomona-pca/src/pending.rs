//! Rows that wait to be folded into the moments a block at a time.

use crate::kernels::{AlignedBuffer, PANEL, add_gram, center_columns, widen_row};

/// Rows in a full block. More rows would write the triangle less often, but a block of 256 rows of
/// 1280 features is 2.6 MB already and has to share the cache with the triangle.
const BLOCK: usize = 256;

/// Rows of the first, smallest allocation: a group of few rows should not hold a whole block.
const SMALLEST: usize = 16;

/// Up to `BLOCK` rows of `f64` in panels of `PANEL` columns, with room for one row more: the shift
/// of the mean, which `fold_into` treats as a row.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    dimension: usize,
    rows: usize,
    capacity: usize,
    panels: AlignedBuffer,
}

impl Pending {
    /// No rows, and no memory held.
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            rows: 0,
            capacity: 0,
            panels: AlignedBuffer::default(),
        }
    }

    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.panels.size()
    }

    /// Appends as many of the rows as fit and returns how many numbers were taken; fewer than given
    /// means that the block is full.
    pub(crate) fn append<T: Copy + Into<f64>>(&mut self, rows: &[T]) -> usize {
        let taken = usize::min(rows.len() / self.dimension, BLOCK - self.rows);
        self.reserve(self.rows + taken);
        let stride = self.stride();
        for row in rows.chunks_exact(self.dimension).take(taken) {
            widen_row(row, &mut self.panels, self.rows * PANEL, stride);
            self.rows += 1;
        }
        taken * self.dimension
    }

    /// Whether no more rows fit.
    pub(crate) fn is_full(&self) -> bool {
        self.rows == BLOCK
    }

    /// Folds the rows into the moments of `count` other rows and forgets them.
    ///
    /// With the mean of the block and the mean so far a distance `delta` apart, Chan's update adds
    /// the centred products of the block and `n m / (n + m) delta delta^T`. The latter is the
    /// product of one row, `sqrt(n m / (n + m)) delta`, with itself: it is appended to the centred
    /// block, so the triangle is passed over once.
    pub(crate) fn fold_into(&mut self, count: &mut u64, mean: &mut [f64], comoment: &mut [f64]) {
        if self.rows == 0 {
            return;
        }
        let (before, added) = (*count as f64, self.rows as f64);
        let after = before + added;
        let weight = f64::sqrt(before * added / after);
        let (rows, stride) = (self.rows, self.stride());
        for (panel, mean) in self.panels.chunks_mut(stride).zip(mean.chunks_mut(PANEL)) {
            let block_mean = center_columns(&mut panel[..rows * PANEL]);
            let shift = &mut panel[rows * PANEL..][..PANEL];
            for ((shift, mean), block_mean) in shift.iter_mut().zip(mean).zip(block_mean) {
                let delta = block_mean - *mean;
                *shift = weight * delta;
                *mean += delta * (added / after);
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

    /// Makes room for `rows` rows in all, in steps that double.
    fn reserve(&mut self, rows: usize) {
        if rows <= self.capacity {
            return;
        }
        let capacity = rows.next_power_of_two().clamp(SMALLEST, BLOCK);
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
