//! All tiles that touch the upper triangle: multiplied, put together in f64, and added.

use std::arch::x86_64::*;

use super::super::row_start;
use super::multiply::{Sums, multiply};
use super::{GROUP, ORDERS, SIDE, STRIP, Terms};

/// The power of 256 of the last order, 2^16.
const LEAST: f64 = 65_536.0;

/// Adds the products of a block to the packed upper triangle of order `d`.
///
/// # Safety
/// The processor has AVX-512F and the tile unit, which is configured.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn add(left: &[i8], right: &[i8], terms: &Terms, d: usize, packed: &mut [f64]) {
    let strips = d.div_ceil(SIDE);
    assert!(strips * STRIP <= left.len() && strips * STRIP <= right.len());
    assert!(
        [&terms.unit, &terms.residue, &terms.drift]
            .iter()
            .all(|t| strips * SIDE <= t.len())
    );
    assert_eq!(row_start(d, d), packed.len());
    let start = packed.as_mut_ptr();
    // One buffer for all sums: those of a tile are added while the first orders of the next tile are
    // multiplied, and overwritten after that. A second buffer would evict operands from the cache.
    let mut sums = Sums::zeroed();
    let sums = &raw mut sums;
    let mut last: Option<Target<'_>> = None;
    for group in (0..strips).step_by(GROUP) {
        let end = usize::min(group + GROUP, strips);
        for i in 0..end {
            for j in usize::max(group, i)..end {
                let next = Target::new(i, j, terms, d, start);
                // SAFETY: both strips are below `strips`, and the operands and terms reach that far.
                unsafe {
                    let left = left.as_ptr().add(i * STRIP);
                    let right = right.as_ptr().add(j * STRIP);
                    match &last {
                        None => multiply(left, right, sums, |_| {}),
                        Some(last) => multiply(left, right, sums, |row| {
                            next.prefetch(row);
                            last.put(sums, row);
                        }),
                    }
                }
                last = Some(next);
            }
        }
    }
    if let Some(last) = last {
        for row in 0..SIDE {
            // SAFETY: as above.
            unsafe { last.put(sums, row) };
        }
    }
}

/// The place of a tile of sums in the triangle.
struct Target<'a> {
    terms: &'a Terms,
    /// The first row.
    row: usize,
    /// The first column.
    column: usize,
    d: usize,
    /// Whether a part of the tile lies below the diagonal or outside of the matrix.
    edge: bool,
    packed: *mut f64,
}

impl<'a> Target<'a> {
    fn new(i: usize, j: usize, terms: &'a Terms, d: usize, packed: *mut f64) -> Self {
        Self {
            terms,
            row: i * SIDE,
            column: j * SIDE,
            d,
            edge: i == j || (j + 1) * SIDE > d,
            packed,
        }
    }

    /// Offset of the first column of a row of the tile, even if it lies left of the triangle.
    #[inline(always)]
    fn place(&self, row: usize) -> *mut f64 {
        self.packed
            .wrapping_add(row_start(self.d, row))
            .wrapping_add(self.column)
            .wrapping_sub(row)
    }

    /// Prefetches row `r`, which is updated while the next tile is multiplied.
    #[inline(always)]
    fn prefetch(&self, r: usize) {
        if self.row + r < self.d {
            for line in 0..2 {
                let place = self.place(self.row + r).wrapping_add(line * 8);
                // SAFETY: a prefetch is valid for any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
            }
        }
    }

    /// Adds row `r` of a tile of sums; at an edge only what lies on or above the diagonal and within
    /// the matrix.
    ///
    /// # Safety
    /// The processor has AVX-512F, `sums` is readable, the tile touches the triangle, `r` is below
    /// [`SIDE`], and the terms reach to the end of every strip.
    #[inline(always)]
    unsafe fn put(&self, sums: *const Sums, r: usize) {
        let row = self.row + r;
        if self.edge && row >= self.d {
            return;
        }
        // SAFETY: the caller guarantees the processor, the sums and the terms. Inside the triangle all
        // columns are written; at an edge, those of the mask.
        unsafe {
            let base = _mm512_set1_pd(256.0);
            let of_row = |term: &[f64]| _mm512_set1_pd(*term.as_ptr().add(row));
            let row_unit = _mm512_mul_pd(of_row(&self.terms.unit), _mm512_set1_pd(LEAST));
            let row_residue = of_row(&self.terms.residue);
            let row_drift = of_row(&self.terms.drift);
            for half in [0, 8] {
                let order = |order: usize| {
                    let eight = sums.cast::<i32>().add((order * SIDE + r) * SIDE + half);
                    _mm512_cvtepi32_pd(_mm256_load_si256(eight.cast()))
                };
                let mut value = order(0);
                for lower in 1..ORDERS {
                    value = _mm512_fmadd_pd(value, base, order(lower));
                }
                let column = self.column + half;
                let of_columns = |term: &[f64]| _mm512_load_pd(term.as_ptr().add(column));
                value = _mm512_mul_pd(value, of_columns(&self.terms.unit));
                let place = self.place(row).wrapping_add(half);
                let mask = if self.edge {
                    mask(row, column, self.d)
                } else {
                    0xFF
                };
                let mut sum = _mm512_maskz_loadu_pd(mask, place);
                sum = _mm512_fnmadd_pd(row_residue, of_columns(&self.terms.residue), sum);
                sum = _mm512_fmadd_pd(row_drift, of_columns(&self.terms.drift), sum);
                sum = _mm512_fmadd_pd(row_unit, value, sum);
                _mm512_mask_storeu_pd(place, mask, sum);
            }
        }
    }
}

/// Which of eight columns from `column` on are at or right of the diagonal in `row`, and below `d`.
fn mask(row: usize, column: usize, d: usize) -> u8 {
    (0..8).fold(0, |mask, lane| {
        let inside = (row..d).contains(&(column + lane));
        mask | u8::from(inside) << lane
    })
}
