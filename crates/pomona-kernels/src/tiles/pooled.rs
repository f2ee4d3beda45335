//! The last 1x1 convolution on tiles, averaged over each image's pixels.

use std::arch::x86_64::*;

use super::super::product::Product;
use super::multiply::{store, sum};
use super::{SIDE, Sums};

/// As [`super::super::pooled::pooled`]: tiles go over the pixels of all images, and each row is
/// added to its image's sum.
///
/// # Safety
/// The tile unit is configured, the processor has AVX-512F, and
/// [`check_pooled`](super::super::parts::check_pooled) has passed.
#[inline(always)]
pub(in super::super) unsafe fn pooled<const PARTS: usize>(task: &mut Product<'_>, images: usize) {
    let pixels = task.pixels * images;
    let mut sums = Sums::new();
    for image in 0..images {
        task.output[image * task.output_plane..][..task.columns].fill(0.0);
    }
    let wide = task.columns / (2 * SIDE) * (2 * SIDE);
    // SAFETY: columns and pixels stay inside the checked ranges.
    unsafe {
        for column in (0..wide).step_by(2 * SIDE) {
            for pixel in (0..pixels).step_by(2 * SIDE) {
                sum::<PARTS, 2, 2>(task, column, pixel);
                store::<2, 2>(&mut sums);
                add(task, &sums, 2, column, pixel, pixels);
            }
        }
        for column in (wide..task.columns).step_by(SIDE) {
            for pixel in (0..pixels).step_by(2 * SIDE) {
                sum::<PARTS, 2, 1>(task, column, pixel);
                store::<2, 1>(&mut sums);
                add(task, &sums, 1, column, pixel, pixels);
            }
        }
    }
    let scale = 1.0 / task.pixels as f32;
    for image in 0..images {
        for value in &mut task.output[image * task.output_plane..][..task.columns] {
            *value *= scale;
        }
    }
}

/// Adds the rows of a block of sums, clamped, to the sums of their images.
#[inline(always)]
unsafe fn add(
    task: &mut Product<'_>,
    sums: &Sums,
    tiles: usize,
    column: usize,
    pixel: usize,
    pixels: usize,
) {
    let rows = (2 * SIDE).min(pixels - pixel);
    let mut row = 0;
    while row < rows {
        let image = (pixel + row) / task.pixels;
        let end = rows.min((image + 1) * task.pixels - pixel);
        let place = image * task.output_plane + column;
        for tile in 0..tiles {
            // SAFETY: the image and column are inside the checked output.
            unsafe {
                let to = task.output.as_mut_ptr().add(place + tile * SIDE);
                let mut total = _mm512_loadu_ps(to);
                for row in row..end {
                    let value = _mm512_max_ps(sums.row(row, tile), _mm512_setzero_ps());
                    total = _mm512_add_ps(total, _mm512_min_ps(value, _mm512_set1_ps(6.0)));
                }
                _mm512_storeu_ps(to, total);
            }
        }
        row = end;
    }
}
