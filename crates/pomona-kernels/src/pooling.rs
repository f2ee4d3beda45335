//! Averages over planes, products with them, and the largest values of windows.

use super::BLOCK;
use super::vector::Vector;

/// Sums that do not wait for one another.
const CHAINS: usize = 4;

/// The average over the pixels of each plane of one image.
pub struct Average<'a> {
    /// Planes of `pixels` pixels of sixteen channels, one after the other.
    pub input: &'a [f32],
    /// Pixels a plane.
    pub pixels: usize,
    /// Sixteen averages a plane.
    pub output: &'a mut [f32],
    /// Floats from the averages of a plane to those of the next.
    pub output_plane: usize,
}

impl Average<'_> {
    fn planes(&self) -> usize {
        self.input.len() / (self.pixels * BLOCK)
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.pixels > 0 && self.planes() > 0);
        assert!((self.planes() - 1) * self.output_plane + BLOCK <= self.output.len());
    }
}

/// Averages in four sums of every fourth pixel.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Average::check`] has passed.
#[inline(always)]
pub(super) unsafe fn average<V: Vector>(task: &mut Average<'_>) {
    let floats = task.pixels * BLOCK;
    // SAFETY: `check` has compared the planes with both slices.
    unsafe {
        let scale = V::splat(1.0 / task.pixels as f32);
        for plane in 0..task.planes() {
            for lane in (0..BLOCK).step_by(V::LANES) {
                let from = task.input.as_ptr().add(plane * floats + lane);
                let mut sums = [V::splat(0.0); CHAINS];
                let mut pixel = 0;
                while pixel + CHAINS <= task.pixels {
                    for (index, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(V::load(from.add((pixel + index) * BLOCK)));
                    }
                    pixel += CHAINS;
                }
                while pixel < task.pixels {
                    sums[0] = sums[0].add(V::load(from.add(pixel * BLOCK)));
                    pixel += 1;
                }
                let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
                let to = task.output.as_mut_ptr();
                sum.mul(scale)
                    .store(to.add(plane * task.output_plane + lane));
            }
        }
    }
}

/// The product of each channel of one image with a number.
pub struct Scale<'a> {
    /// Planes of `pixels` pixels of sixteen channels, one after the other.
    pub values: &'a mut [f32],
    /// Pixels a plane.
    pub pixels: usize,
    /// Sixteen factors a plane.
    pub factors: &'a [f32],
    /// Floats from the factors of a plane to those of the next.
    pub factors_plane: usize,
}

impl Scale<'_> {
    fn planes(&self) -> usize {
        self.values.len() / (self.pixels * BLOCK)
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.pixels > 0 && self.planes() > 0);
        assert!((self.planes() - 1) * self.factors_plane + BLOCK <= self.factors.len());
    }
}

/// Multiplies in place.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Scale::check`] has passed.
#[inline(always)]
pub(super) unsafe fn scale<V: Vector>(task: &mut Scale<'_>) {
    let floats = task.pixels * BLOCK;
    // SAFETY: `check` has compared the planes with both slices.
    unsafe {
        for plane in 0..task.planes() {
            for lane in (0..BLOCK).step_by(V::LANES) {
                let factor = V::load(task.factors.as_ptr().add(plane * task.factors_plane + lane));
                let values = task.values.as_mut_ptr().add(plane * floats + lane);
                for pixel in 0..task.pixels {
                    let at = values.add(pixel * BLOCK);
                    V::load(at).mul(factor).store(at);
                }
            }
        }
    }
}

/// The largest values of 3x3 windows with a stride of 2 in one plane.
pub struct MaxPool<'a> {
    /// Rows of pixels of sixteen channels, from the first output's first input on.
    pub input: &'a [f32],
    /// Floats from one input row to the next.
    pub input_row: usize,
    /// Rows and columns of outputs.
    pub size: usize,
    /// Rows of pixels of sixteen channels, from the first pixel on.
    pub output: &'a mut [f32],
    /// Floats from one output row to the next.
    pub output_row: usize,
}

impl MaxPool<'_> {
    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.size > 0);
        let last = 2 * (self.size - 1) + 2;
        assert!(last * self.input_row + (last + 1) * BLOCK <= self.input.len());
        let reach = (self.size - 1) * self.output_row + self.size * BLOCK;
        assert!(reach <= self.output.len());
    }
}

/// Takes the largest of nine values.
///
/// # Safety
/// The processor has `V`'s instruction set and [`MaxPool::check`] has passed.
#[inline(always)]
pub(super) unsafe fn max_pool<V: Vector>(task: &mut MaxPool<'_>) {
    // SAFETY: `check` has compared the last window and output with the slices.
    unsafe {
        for row in 0..task.size {
            let from = task.input.as_ptr().add(2 * row * task.input_row);
            let to = task.output.as_mut_ptr().add(row * task.output_row);
            for pixel in 0..task.size {
                for lane in (0..BLOCK).step_by(V::LANES) {
                    let window = from.add(2 * pixel * BLOCK + lane);
                    let mut largest = V::load(window);
                    for tap in 1..9 {
                        let at = tap / 3 * task.input_row + tap % 3 * BLOCK;
                        largest = largest.max(V::load(window.add(at)));
                    }
                    largest.store(to.add(pixel * BLOCK + lane));
                }
            }
        }
    }
}
