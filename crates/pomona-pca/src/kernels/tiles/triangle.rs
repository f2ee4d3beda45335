//! All tiles that touch the upper triangle: multiplied, put together in f64, and added.

use std::arch::x86_64::*;

use super::super::row_start;
use super::multiply::{Sums, multiply};
use super::{GROUP, SIDE, STRIP, Terms};

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
    let mut sums = Sums::zeroed();
    for group in (0..strips).step_by(GROUP) {
        let end = usize::min(group + GROUP, strips);
        for i in 0..end {
            for j in usize::max(group, i)..end {
                // SAFETY: both strips are below `strips`, and the operands reach that far.
                unsafe {
                    multiply(
                        left.as_ptr().add(i * STRIP),
                        right.as_ptr().add(j * STRIP),
                        &mut sums,
                    );
                    if i < j && (j + 1) * SIDE <= d {
                        put::<false>(&sums, i, j, terms, d, packed);
                    } else {
                        put::<true>(&sums, i, j, terms, d, packed);
                    }
                }
            }
        }
    }
}

/// Adds a tile of sums. At an `EDGE` only what lies on or above the diagonal and within the matrix.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn put<const EDGE: bool>(
    sums: &Sums,
    i: usize,
    j: usize,
    terms: &Terms,
    d: usize,
    packed: &mut [f64],
) {
    // SAFETY: `add` has checked that the terms reach to the end of every strip.
    let (unit, residue, drift) = unsafe {
        (
            [0, 8].map(|half| _mm512_loadu_pd(terms.unit.as_ptr().add(j * SIDE + half))),
            [0, 8].map(|half| _mm512_loadu_pd(terms.residue.as_ptr().add(j * SIDE + half))),
            [0, 8].map(|half| _mm512_loadu_pd(terms.drift.as_ptr().add(j * SIDE + half))),
        )
    };
    let base = _mm512_set1_pd(256.0);
    for r in 0..SIDE {
        let row = i * SIDE + r;
        if EDGE && row >= d {
            break;
        }
        let row_unit = _mm512_set1_pd(terms.unit[row] * 16_777_216.0);
        let row_residue = _mm512_set1_pd(terms.residue[row]);
        let row_drift = _mm512_set1_pd(terms.drift[row]);
        let target = packed
            .as_mut_ptr()
            .wrapping_add(row_start(d, row))
            .wrapping_add(j * SIDE)
            .wrapping_sub(row);
        for half in 0..2 {
            let column = j * SIDE + half * 8;
            // SAFETY: eight sums of a row.
            let order = |order: usize| unsafe {
                _mm512_cvtepi32_pd(_mm256_load_si256(
                    sums.0[order][r].as_ptr().add(half * 8).cast(),
                ))
            };
            let mut value = order(0);
            for lower in 1..super::ORDERS {
                value = _mm512_fmadd_pd(value, base, order(lower));
            }
            value = _mm512_mul_pd(value, unit[half]);
            let to = target.wrapping_add(half * 8);
            // SAFETY: away from the edges all eight columns are in the triangle, and at an edge the
            // mask has those that are.
            unsafe {
                let mask = mask(row, column, d);
                let mut sum = if EDGE {
                    _mm512_maskz_loadu_pd(mask, to)
                } else {
                    _mm512_loadu_pd(to)
                };
                sum = _mm512_fnmadd_pd(row_residue, residue[half], sum);
                sum = _mm512_fmadd_pd(row_drift, drift[half], sum);
                sum = _mm512_fmadd_pd(row_unit, value, sum);
                if EDGE {
                    _mm512_mask_storeu_pd(to, mask, sum);
                } else {
                    _mm512_storeu_pd(to, sum);
                }
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
