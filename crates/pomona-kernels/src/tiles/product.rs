//! 1x1 convolution on tiles, with the residual and ReLU6 after it.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::BLOCK;
use super::super::parts::Parts;
use super::super::product::{Product, Start};
use super::multiply::{store, sum};
use super::{SIDE, Sums};

/// Computes a product of operands in `PARTS` parts.
///
/// # Safety
/// The tile unit is configured, the processor has AVX-512F, BW and BF16, and
/// [`check`](super::super::parts::check) has passed.
#[inline(always)]
pub(in super::super) unsafe fn product<const PARTS: usize>(task: &mut Product<'_>) {
    let wide = task.columns / (2 * SIDE) * (2 * SIDE);
    // SAFETY: columns stay inside the checked ranges.
    unsafe {
        columns::<PARTS, 2>(task, 0..wide);
        columns::<PARTS, 1>(task, wide..task.columns);
    }
}

/// Computes some columns, `COLUMNS` tiles at a time.
///
/// The tile unit multiplies for one block of pixels and columns while the vector unit finishes the
/// block before it: the sums of a block are stored only after the other's have been read.
#[inline(always)]
unsafe fn columns<const PARTS: usize, const COLUMNS: usize>(
    task: &mut Product<'_>,
    columns: Range<usize>,
) {
    let mut sums = Sums::new();
    let mut before = None;
    // SAFETY: columns and pixels stay inside the checked ranges.
    unsafe {
        for column in columns.step_by(COLUMNS * SIDE) {
            for pixel in (0..task.pixels).step_by(2 * SIDE) {
                let two = pixel + SIDE < task.pixels;
                if two {
                    sum::<PARTS, 2, COLUMNS>(task, column, pixel);
                } else {
                    sum::<PARTS, 1, COLUMNS>(task, column, pixel);
                }
                if let Some((column, pixel)) = before {
                    finish::<PARTS, COLUMNS>(task, &sums, column, pixel);
                }
                if two {
                    store::<2, COLUMNS>(&mut sums);
                } else {
                    store::<1, COLUMNS>(&mut sums);
                }
                before = Some((column, pixel));
            }
        }
        if let Some((column, pixel)) = before {
            finish::<PARTS, COLUMNS>(task, &sums, column, pixel);
        }
    }
}

/// Adds the residual to a block of sums, `COLUMNS` tiles wide, applies ReLU6, and stores the pixels
/// that exist.
#[inline(always)]
unsafe fn finish<const PARTS: usize, const COLUMNS: usize>(
    task: &mut Product<'_>,
    sums: &Sums,
    column: usize,
    pixel: usize,
) {
    let rows = (2 * SIDE).min(task.pixels - pixel);
    let (stride, planes, plane) = (task.output_plane, task.columns / BLOCK, column / BLOCK);
    // SAFETY: `check` has compared the furthest place with the slices.
    unsafe {
        let output = task.output.as_mut_ptr();
        let to = output.add(plane * stride);
        if let Some(places) = task.places {
            let places = places.list().as_ptr().add(pixel);
            let (zero, six) = (_mm512_setzero_ps(), _mm512_set1_ps(6.0));
            for row in 0..rows {
                let to = to.add(*places.add(row) as usize);
                for tile in 0..COLUMNS {
                    let value = sums.row(row, tile);
                    let value = _mm512_min_ps(_mm512_max_ps(value, zero), six);
                    _mm512_storeu_ps(to.add(tile * stride), value);
                }
            }
            return;
        }
        let to = to.add(pixel * BLOCK);
        let residual = match task.start {
            Start::Residual(residual) => residual.as_ptr().add(plane * stride + pixel * BLOCK),
            _ => std::ptr::null(),
        };
        for tile in 0..COLUMNS {
            for row in 0..rows {
                let offset = tile * stride + row * BLOCK;
                let mut value = sums.row(row, tile);
                if !residual.is_null() {
                    value = _mm512_add_ps(value, _mm512_loadu_ps(residual.add(offset)));
                }
                _mm512_storeu_ps(to.add(offset), value);
            }
        }
        if task.out_parts {
            let parts = output.add(planes * stride + pixel * BLOCK);
            for tile in 0..COLUMNS {
                let parts = Parts::new(parts, stride, plane + tile, planes);
                for row in 0..rows {
                    let value = _mm512_loadu_ps(to.add(tile * stride + row * BLOCK));
                    parts.store::<PARTS>(row, value);
                }
            }
        }
    }
}
