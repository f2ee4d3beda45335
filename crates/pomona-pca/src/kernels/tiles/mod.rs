//! The symmetric update of a block of `f32` rows by exact whole-number products on the tile unit of
//! AMX.
//!
//! # Method
//!
//! Each column of a block is centred roughly and scaled by a power of two to whole numbers of 40
//! bits, and each whole number is written in five signed digits of base 256:
//!
//! ```text
//! x = shift + unit q + r        |q| <= 126.5 * 2^32,  |r| <= unit / 2
//! q = d0 2^32 + d1 2^24 + d2 2^16 + d3 2^8 + d4         -128 <= d <= 127
//! ```
//!
//! The product of two columns is then a sum of products of digits, which the unit multiplies and
//! sums without rounding. Those of the same order `a + b` have the same power of two and share one
//! sum; of the 25 pairs of digits the 19 of order up to 5 are computed, and of order 6 the pair `d3
//! d3'`, which is the one that does not average out where two columns are alike:
//!
//! ```text
//! sum q q' = 2^64 T0 + 2^56 T1 + 2^48 T2 + 2^40 T3 + 2^32 T4 + 2^24 T5 + 2^16 T6 + (the rest)
//! Tw = sum over rows and over a + b = w of da d'b       |Tw| <= 256 * 5 * 2^14 < 2^31
//! ```
//!
//! The seven sums are put together in f64, the products of the means that the rough
//! centring left are subtracted, and Chan's term for the mean is added.
//!
//! # Error
//!
//! Let `m` be the largest distance of a column's value from its shift in the block, and `s` the root
//! of the mean square of these distances. Then `unit < 1.02 * 2^-38 m`, and `m <= 16 s`, since a
//! block has 256 rows. The sum of products of two columns differs from the exact one, in relation to
//! `256 s s'`, by at most
//!
//! ```text
//! rounding to whole numbers     2^-38.9 (m/s + m'/s')       <= 2^-33.9 = 6.2e-11
//! the pairs that are left out   2^-44.9 (m/s) (m'/s')       <= 2^-36.9 = 7.8e-12
//! arithmetic in f64             some 2^-53
//! ```
//!
//! for any rows at all, and so does the sum over all blocks in relation to the lengths of the two
//! columns. The f64 kernel has a bound of the same form, with some 2^-46 in place of 2^-33.8. That is
//! the worst case, for rows made for it. A feature is rounded only if it has digits below the unit,
//! that is if it is not zero and less than 2^-13 of `m`, and what is left out has either sign. On
//! features of any usual kind the two kernels agree to some 1e-15, and on columns that are a single
//! value but for an outlier, to 1e-11: the tests have both. There is no case to send back to the f64
//! kernel for accuracy.
//!
//! The means are those of the rows before rounding, and are as exact as those of the f64 kernel.
//!
//! # Layout
//!
//! The unit multiplies a tile of 16 rows by 64 bytes with one of 16 rows by 16 groups of 4 bytes:
//! the first operand has 64 rows of a column in sequence, the second 4. The digits are stored in
//! both ways, 20 KB for 16 columns of a block each, 3.3 MB for 1280 columns:
//!
//! ```text
//! left   [16 columns][64 rows][digit][column][row]
//! right  [16 columns][64 rows][digit][4 rows][column][row]
//! ```

mod digits;
mod multiply;
mod scale;
mod triangle;

use std::ops::Range;

use pomona_amx::Products;

use super::AlignedBuffer;
use crate::mean::Mean;
use digits::Split;

/// Rows and columns of a tile of sums; columns of a strip.
pub(crate) const SIDE: usize = 16;
/// Rows of a block.
pub(crate) const ROWS: usize = 256;

/// Digits of a whole number.
const DIGITS: usize = 5;
/// Sums of products of digits, one an order.
const ORDERS: usize = 7;
/// Rows of a block in one tile of digits.
const DEPTH: usize = 64;
/// Bytes of a tile.
const TILE: usize = 1024;
/// Bytes of the digits of 64 rows of a strip.
const STEP: usize = DIGITS * TILE;
/// Bytes of the digits of a strip.
const STRIP: usize = ROWS / DEPTH * STEP;

/// Columns, in strips, whose right operands stay in the second-level cache (800 KB) while the
/// columns to their left are streamed past.
const GROUP: usize = 40;

/// Features below which the f64 kernel is used: the tiles would be mostly padding.
const FEWEST_COLUMNS: usize = 2 * SIDE;

/// Adds blocks of [`ROWS`] rows of `f32` to moments by way of the tile unit.
#[derive(Clone, Debug)]
pub(crate) struct TileGram {
    columns: usize,
    left: AlignedBuffer<i8>,
    right: AlignedBuffer<i8>,
    terms: Terms,
}

/// Values of each column of a block, padded to whole strips.
#[derive(Clone, Debug, Default)]
struct Terms {
    /// The size of a unit.
    unit: AlignedBuffer,
    /// The mean of the block from the shift, times the root of the number of rows: its products are
    /// subtracted.
    residue: AlignedBuffer,
    /// The distance of the mean of the block from the mean so far, times the root of its weight: its
    /// products are added.
    drift: AlignedBuffer,
}

/// Whether the processor has the instructions that the kernels of this module use, and the system
/// permits this process to use tiles.
fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && pomona_amx::is_available(Products::Int8)
}

impl TileGram {
    /// `None` if this machine has no tile unit, or the rows are too short for it.
    pub(crate) fn new(columns: usize) -> Option<Self> {
        (columns >= FEWEST_COLUMNS && is_available()).then(|| Self {
            columns,
            left: AlignedBuffer::default(),
            right: AlignedBuffer::default(),
            terms: Terms::default(),
        })
    }

    /// Bytes held on the heap: none before the first block.
    pub(crate) fn size(&self) -> usize {
        self.left.size()
            + self.right.size()
            + self.terms.unit.size()
            + self.terms.residue.size()
            + self.terms.drift.size()
    }

    /// Adds a block of [`ROWS`] rows to the moments of `count` other rows: Chan's update of `mean`
    /// and of the packed upper triangle `comoment`.
    ///
    /// The block is given in strips, `[16 columns][row][column]`; columns from d on are zeros.
    pub(crate) fn add(&mut self, block: &[f32], count: u64, mean: &mut Mean, comoment: &mut [f64]) {
        let strips = self.columns.div_ceil(SIDE);
        assert_eq!(block.len(), strips * SIDE * ROWS);
        assert_eq!(mean.dimension(), self.columns);
        assert_eq!(comoment.len(), super::row_start(self.columns, self.columns));
        self.allocate(strips);
        let (before, added) = (count as f64, ROWS as f64);
        let after = before + added;
        let weight = f64::sqrt(before * added / after);
        for (strip, values) in block.chunks_exact(SIDE * ROWS).enumerate() {
            let bytes = strip * STRIP..(strip + 1) * STRIP;
            // SAFETY: `new` has checked the processor.
            let split = unsafe {
                digits::split(
                    values.try_into().expect("a strip"),
                    (&mut self.left[bytes.clone()]).try_into().expect("a strip"),
                    (&mut self.right[bytes]).try_into().expect("a strip"),
                )
            };
            let first = strip * SIDE;
            let columns = first..usize::min(first + SIDE, self.columns);
            self.terms.set(columns, mean, &split, weight, added / after);
        }
        // SAFETY: `new` has found the unit, and the operands have been laid out above.
        unsafe {
            pomona_amx::configure();
            triangle::add(&self.left, &self.right, &self.terms, self.columns, comoment);
            pomona_amx::release();
        }
    }

    fn allocate(&mut self, strips: usize) {
        if self.left.is_empty() {
            self.left = AlignedBuffer::zeroed(strips * STRIP);
            self.right = AlignedBuffer::zeroed(strips * STRIP);
            let zeros = AlignedBuffer::zeroed(strips * SIDE);
            self.terms = Terms {
                unit: zeros.clone(),
                residue: zeros.clone(),
                drift: zeros,
            };
        }
    }
}

impl Terms {
    /// Stores the values of the columns of a strip and updates their `mean`.
    fn set(
        &mut self,
        columns: Range<usize>,
        mean: &mut Mean,
        split: &Split,
        weight: f64,
        share: f64,
    ) {
        let scale = &split.scale;
        for (j, column) in columns.enumerate() {
            let of_block = |sum: f64| sum / ROWS as f64 * scale.unit[j];
            // The mean is that of the rows; what is taken from the products of whole numbers is
            // that of these, whose sum is below 2^47 and thus exact.
            let block_mean = (scale.shift[j], of_block(split.scaled[j]));
            self.unit[column] = scale.unit[j];
            self.residue[column] = f64::sqrt(ROWS as f64) * of_block(split.whole[j] as f64);
            self.drift[column] = weight * mean.approach(column, block_mean, share);
        }
    }
}
