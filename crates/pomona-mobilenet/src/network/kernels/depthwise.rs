//! Depthwise 3x3 convolution of one plane of sixteen channels, with its ReLU6.

use super::BLOCK;
use super::tile::unroll;
use super::vector::Vector;

/// Floats that describe one plane's kernel: nine taps and the bias of sixteen channels.
pub(crate) const PLANE_WEIGHTS: usize = 10 * BLOCK;

/// A depthwise convolution of one plane.
pub(crate) struct Depthwise<'a> {
    /// The plane: rows of pixels of 16 channels, zeros to the left and right included.
    pub input: &'a [f32],
    /// Where in the plane each needed input row starts, in floats, at the first pixel that the
    /// first output reads; `stride * (rows - 1) + 3` of them.
    pub rows: &'a [u32],
    /// Nine taps then the bias, 16 floats each.
    pub weights: &'a [f32],
    /// Rows of `columns` pixels of 16 channels, without padding.
    pub output: &'a mut [f32],
    /// Pixels an output row.
    pub columns: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Depthwise<'_> {
    /// Output rows that the given input rows allow.
    fn output_rows(&self) -> usize {
        (self.rows.len() - 3) / self.stride + 1
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.rows.len() >= 3 && self.columns > 0 && matches!(self.stride, 1 | 2));
        let width = ((self.columns - 1) * self.stride + 3) * BLOCK;
        let furthest = self.rows.iter().copied().max().unwrap_or(0) as usize;
        assert!(furthest + width <= self.input.len());
        assert!(self.weights.len() >= PLANE_WEIGHTS);
        assert!(self.output.len() >= self.output_rows() * self.columns * BLOCK);
    }
}

/// Convolves a plane, `WIDTH` outputs at a time.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Depthwise::check`] has passed.
#[inline(always)]
pub(super) unsafe fn depthwise<V: Vector, const WIDTH: usize>(task: &mut Depthwise<'_>) {
    // SAFETY: passed on; a block is a whole number of vectors.
    unsafe {
        let mut lane = 0;
        while lane < BLOCK {
            if task.stride == 1 {
                convolve::<V, WIDTH, 1>(task, lane);
            } else {
                convolve::<V, WIDTH, 2>(task, lane);
            }
            lane += V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn convolve<V: Vector, const WIDTH: usize, const STRIDE: usize>(
    task: &mut Depthwise<'_>,
    lane: usize,
) {
    // SAFETY: `check` has compared the furthest row and pixel with the slices.
    unsafe {
        let input = task.input.as_ptr().add(lane);
        let mut output = task.output.as_mut_ptr().add(lane);
        let mut weights = [V::splat(0.0); 10];
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = V::load(task.weights.as_ptr().add(tap * BLOCK + lane));
        }
        for row in 0..task.output_rows() {
            let first = row * STRIDE;
            let mut rows = [
                input.add(*task.rows.get_unchecked(first) as usize),
                input.add(*task.rows.get_unchecked(first + 1) as usize),
                input.add(*task.rows.get_unchecked(first + 2) as usize),
            ];
            let mut left = task.columns;
            while left >= WIDTH {
                pixels::<V, WIDTH, STRIDE>(&mut rows, &weights, &mut output);
                left -= WIDTH;
            }
            while left > 0 {
                pixels::<V, 1, STRIDE>(&mut rows, &weights, &mut output);
                left -= 1;
            }
        }
    }
}

/// `WIDTH` neighbouring outputs: each input is loaded once and used by up to three of them.
#[inline(always)]
unsafe fn pixels<V: Vector, const WIDTH: usize, const STRIDE: usize>(
    rows: &mut [*const f32; 3],
    weights: &[V; 10],
    output: &mut *mut f32,
) {
    // SAFETY: the caller has room for `WIDTH` outputs and the inputs under them.
    unsafe {
        let mut sums = [weights[9]; WIDTH];
        for (index, row) in rows.iter_mut().enumerate() {
            // Loads that two outputs share are written twice and merged by the compiler.
            unroll!(pixel < WIDTH => {
                unroll!(tap < 3 => {
                    let value = V::load(row.add((pixel * STRIDE + tap) * BLOCK));
                    sums[pixel] = value.mul_add(weights[index * 3 + tap], sums[pixel]);
                });
            });
            *row = row.add(WIDTH * STRIDE * BLOCK);
        }
        for (pixel, sum) in sums.iter().enumerate() {
            sum.relu6().store(output.add(pixel * BLOCK));
        }
        *output = output.add(WIDTH * BLOCK);
    }
}
