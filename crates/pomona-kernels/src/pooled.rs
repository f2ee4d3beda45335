//! The last 1x1 convolution with its ReLU6 and the average over pixels, none of it stored.

use super::BLOCK;
use super::product::{Operand, Product};
use super::tile::{Tile, unroll};
use super::vector::Vector;

/// Writes to `task.output` the average over each image's pixels of `relu6(task)`.
///
/// `task.pixels` is the number of pixels an image; images follow each other in the input
/// planes. The output is `[image][columns]`, `task.output_plane` floats an image.
///
/// # Safety
/// The processor has `V`'s instruction set, and the ranges are as checked by [`check`].
#[inline(always)]
pub(super) unsafe fn pooled<
    V: Vector,
    O: Operand<V>,
    const ROWS: usize,
    const WIDE: usize,
    const NARROW: usize,
>(
    task: &mut Product<'_>,
    images: usize,
) {
    let mut column = 0;
    // SAFETY: columns stay below `task.columns`, a multiple of 16.
    unsafe {
        while column + WIDE * V::LANES <= task.columns {
            for image in 0..images {
                panel::<V, O, ROWS, WIDE>(task, column, image);
            }
            column += WIDE * V::LANES;
        }
        while column < task.columns {
            for image in 0..images {
                panel::<V, O, ROWS, NARROW>(task, column, image);
            }
            column += NARROW * V::LANES;
        }
    }
}

/// Checks that every access of [`pooled`] will be inside its slice.
pub(super) fn check(task: &Product<'_>, images: usize) {
    let planes = task.depth.div_ceil(BLOCK);
    let pixels = task.pixels * images;
    let last_depth = task.depth - (planes - 1) * BLOCK;
    assert!(task.depth > 0 && pixels > 0);
    let reach = (planes - 1) * task.input_plane + (pixels - 1) * BLOCK + last_depth;
    assert!(reach <= task.input.len());
    assert!(task.columns > 0 && task.columns.is_multiple_of(BLOCK));
    assert!(task.weights.len() >= task.depth * task.columns);
    assert!(task.bias.len() >= task.columns && task.output_plane >= task.columns);
    assert!(task.output.len() >= (images - 1) * task.output_plane + task.columns);
}

#[inline(always)]
unsafe fn panel<V: Vector, O: Operand<V>, const ROWS: usize, const VECTORS: usize>(
    task: &mut Product<'_>,
    column: usize,
    image: usize,
) {
    let first = image * task.pixels;
    let end = first + task.pixels;
    let mut pixel = first;
    // SAFETY: each call covers rows of this image; the output holds its columns.
    unsafe {
        let mut sums = [V::splat(0.0); VECTORS];
        while pixel + ROWS <= end {
            rows::<V, O, ROWS, VECTORS>(task, &mut sums, column, pixel);
            pixel += ROWS;
        }
        if pixel + 7 <= end {
            rows::<V, O, 7, VECTORS>(task, &mut sums, column, pixel);
            pixel += 7;
        }
        while pixel < end {
            rows::<V, O, 1, VECTORS>(task, &mut sums, column, pixel);
            pixel += 1;
        }
        let scale = V::splat(1.0 / task.pixels as f32);
        let output = task
            .output
            .as_mut_ptr()
            .add(image * task.output_plane + column);
        for (vector, sum) in sums.iter().enumerate() {
            sum.mul_add(scale, V::splat(0.0))
                .store(output.add(vector * V::LANES));
        }
    }
}

#[inline(always)]
unsafe fn rows<V: Vector, O: Operand<V>, const ROWS: usize, const VECTORS: usize>(
    task: &Product<'_>,
    sums: &mut [V; VECTORS],
    column: usize,
    pixel: usize,
) {
    // SAFETY: `check` has compared the furthest pixel, weight and bias with the slices.
    unsafe {
        let mut bias = [V::splat(0.0); VECTORS];
        for (vector, bias) in bias.iter_mut().enumerate() {
            *bias = V::load(task.bias.as_ptr().add(column + vector * V::LANES));
        }
        let mut tile: Tile<V, ROWS, VECTORS> = [bias; ROWS];
        O::multiply(task, &mut tile, column, pixel);
        unroll!(row < ROWS => unroll!(vector < VECTORS => {
            sums[vector] = sums[vector].add(tile[row][vector].relu6());
        }));
    }
}
