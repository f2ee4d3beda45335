//! The last 1x1 convolution on tiles, averaged over each picture's pixels.

use std::arch::x86_64::*;

use super::super::product::Product;
use super::multiply::{narrow, store, wide};
use super::product::check_operands;
use super::{SIDE, Sums, TILE};

/// Checks that every access of [`pooled`] will be inside its slice.
pub(in super::super) fn check(task: &Product<'_>, pictures: usize, parts: usize) {
    assert!(pictures > 0 && task.pixels > 0 && task.output_plane >= task.columns);
    check_operands(task, parts, task.pixels * pictures);
    assert!(task.output.len() >= (pictures - 1) * task.output_plane + task.columns);
}

/// As [`super::super::pooled::pooled`]: tiles go over the pixels of all pictures, and each row is
/// added to its picture's sum.
///
/// # Safety
/// The tile unit is configured, the processor has AVX-512F, and [`check`] has passed.
#[inline(always)]
pub(in super::super) unsafe fn pooled<const PARTS: usize>(task: &mut Product<'_>, pictures: usize) {
    let pixels = task.pixels * pictures;
    let mut sums = Sums([[0.0; TILE]; 4]);
    for picture in 0..pictures {
        task.output[picture * task.output_plane..][..task.columns].fill(0.0);
    }
    // SAFETY: columns and pixels stay inside the checked ranges.
    unsafe {
        for column in (0..task.columns).step_by(2 * SIDE) {
            let both = column + SIDE < task.columns;
            for pixel in (0..pixels).step_by(2 * SIDE) {
                if both && pixel + SIDE < pixels {
                    wide::<PARTS>(task, column, pixel);
                    store(&mut sums);
                    for (index, sums) in sums.0.iter().enumerate() {
                        let (column, pixel) = (column + index % 2 * SIDE, pixel + index / 2 * SIDE);
                        add(task, sums, column, pixel, pixels);
                    }
                    continue;
                }
                for pixel in (pixel..pixels.min(pixel + 2 * SIDE)).step_by(SIDE) {
                    for column in (column..task.columns.min(column + 2 * SIDE)).step_by(SIDE) {
                        narrow::<PARTS>(task, &mut sums.0[0], column, pixel);
                        add(task, &sums.0[0], column, pixel, pixels);
                    }
                }
            }
        }
    }
    let scale = 1.0 / task.pixels as f32;
    for picture in 0..pictures {
        for value in &mut task.output[picture * task.output_plane..][..task.columns] {
            *value *= scale;
        }
    }
}

/// Adds the rows of a tile, clamped, to the sums of their pictures.
#[inline(always)]
unsafe fn add(
    task: &mut Product<'_>,
    sums: &[f32; TILE],
    column: usize,
    pixel: usize,
    pixels: usize,
) {
    let rows = SIDE.min(pixels - pixel);
    let mut row = 0;
    while row < rows {
        let picture = (pixel + row) / task.pixels;
        let end = rows.min((picture + 1) * task.pixels - pixel);
        // SAFETY: the picture and column are inside the checked output.
        unsafe {
            let to = task
                .output
                .as_mut_ptr()
                .add(picture * task.output_plane + column);
            let mut total = _mm512_loadu_ps(to);
            for row in row..end {
                let value = _mm512_loadu_ps(sums.as_ptr().add(row * SIDE));
                let value = _mm512_max_ps(value, _mm512_setzero_ps());
                total = _mm512_add_ps(total, _mm512_min_ps(value, _mm512_set1_ps(6.0)));
            }
            _mm512_storeu_ps(to, total);
        }
        row = end;
    }
}
