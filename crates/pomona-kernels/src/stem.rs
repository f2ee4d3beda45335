//! The first convolution: 3x3, stride 2, from three colours to the stem's channels.

use super::BLOCK;
use super::tile::{Tile, accumulate, unroll};
use super::vector::Vector;

/// Floats from one output pixel's input to the next: two pixels of three colours.
const STEP: usize = 6;
/// Input values of one kernel row: three pixels of three colours.
const ROW_TAPS: usize = 9;

/// One output row of the first convolution.
pub struct Stem<'a> {
    /// The three input rows: normalised pixels of three colours, zeros to the left and right
    /// included, starting at the first pixel that the first output reads.
    pub rows: [&'a [f32]; 3],
    /// Packed by [`packing::pack`](crate::packing::pack) with depth 27: kernel row, kernel column, colour.
    pub weights: &'a [f32],
    /// One an output channel.
    pub bias: &'a [f32],
    /// Output channels, a multiple of 16.
    pub columns: usize,
    /// Output pixels.
    pub pixels: usize,
    /// Planes of the output, from the row's first pixel on.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
}

impl Stem<'_> {
    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.pixels > 0);
        let reach = (self.pixels - 1) * STEP + ROW_TAPS;
        assert!(self.rows.iter().all(|row| row.len() >= reach));
        assert!(self.columns > 0 && self.columns.is_multiple_of(BLOCK));
        assert!(self.weights.len() >= 3 * ROW_TAPS * self.columns);
        assert!(self.bias.len() >= self.columns);
        let reach = (self.columns / BLOCK - 1) * self.output_plane + self.pixels * BLOCK;
        assert!(self.output.len() >= reach);
    }
}

/// Puts a row of pixels on the scale of the weights: -1 to 1.
///
/// Keras divides by 127.5 and subtracts 1, two roundings where this has one.
#[inline(always)]
pub(super) fn normalize(pixels: &[u8], row: &mut [f32]) {
    for (value, pixel) in row.iter_mut().zip(pixels) {
        *value = f32::from(*pixel) * (1.0 / 127.5) - 1.0;
    }
}

/// Convolves one row.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Stem::check`] has passed.
#[inline(always)]
pub(super) unsafe fn stem<V: Vector, const ROWS: usize, const WIDE: usize, const NARROW: usize>(
    task: &mut Stem<'_>,
) {
    let mut column = 0;
    // SAFETY: columns stay below `task.columns`, a multiple of 16.
    unsafe {
        while column + WIDE * V::LANES <= task.columns {
            panel::<V, ROWS, WIDE>(task, column);
            column += WIDE * V::LANES;
        }
        while column < task.columns {
            panel::<V, ROWS, NARROW>(task, column);
            column += NARROW * V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn panel<V: Vector, const ROWS: usize, const VECTORS: usize>(
    task: &mut Stem<'_>,
    column: usize,
) {
    let mut pixel = 0;
    // SAFETY: each call covers rows below `task.pixels`.
    unsafe {
        while pixel + ROWS <= task.pixels {
            rows::<V, ROWS, VECTORS>(task, column, pixel);
            pixel += ROWS;
        }
        while pixel < task.pixels {
            rows::<V, 1, VECTORS>(task, column, pixel);
            pixel += 1;
        }
    }
}

#[inline(always)]
unsafe fn rows<V: Vector, const ROWS: usize, const VECTORS: usize>(
    task: &mut Stem<'_>,
    column: usize,
    pixel: usize,
) {
    // SAFETY: `check` has compared the furthest pixel, weight and output with the slices.
    unsafe {
        let mut bias = [V::splat(0.0); VECTORS];
        for (vector, bias) in bias.iter_mut().enumerate() {
            *bias = V::load(task.bias.as_ptr().add(column + vector * V::LANES));
        }
        let mut tile: Tile<V, ROWS, VECTORS> = [bias; ROWS];
        let mut weights = task.weights.as_ptr().add(column * 3 * ROW_TAPS);
        for row in task.rows {
            let pixels = row.as_ptr().add(pixel * STEP);
            accumulate::<V, ROWS, VECTORS, STEP>(&mut tile, pixels, weights, ROW_TAPS);
            weights = weights.add(ROW_TAPS * VECTORS * V::LANES);
        }
        unroll!(vector < VECTORS => {
            let column = column + vector * V::LANES;
            let plane = column / BLOCK * task.output_plane + column % BLOCK;
            let to = task.output.as_mut_ptr().add(plane + pixel * BLOCK);
            unroll!(row < ROWS => tile[row][vector].relu6().store(to.add(row * BLOCK)));
        });
    }
}
