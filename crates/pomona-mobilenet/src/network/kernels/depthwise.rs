//! Depthwise 3x3 convolution of one plane of sixteen channels, with its ReLU6.

use super::BLOCK;
use super::tile::unroll;
#[cfg(target_arch = "x86_64")]
use super::tiles::parts::Parts;
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
    /// Planes of rows of `columns` pixels, without padding: of 16 channels, or of 32 in parts.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
    /// Which plane of sixteen channels this is.
    pub plane: usize,
    /// How many planes of sixteen channels there are.
    pub planes: usize,
    /// Pixels an output row.
    pub columns: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Depthwise<'_> {
    /// Output pixels that the given input rows allow.
    fn pixels(&self) -> usize {
        ((self.rows.len() - 3) / self.stride + 1) * self.columns
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self, parts: usize) {
        assert!(self.rows.len() >= 3 && self.columns > 0 && matches!(self.stride, 1 | 2));
        let width = ((self.columns - 1) * self.stride + 3) * BLOCK;
        let furthest = self.rows.iter().copied().max().unwrap_or(0) as usize;
        assert!(furthest + width <= self.input.len());
        assert!(self.weights.len() >= PLANE_WEIGHTS);
        assert!(self.plane < self.planes);
        let reach = match parts {
            0 => self.plane * self.output_plane + self.pixels() * BLOCK,
            #[cfg(target_arch = "x86_64")]
            _ => Parts::reach(parts, self.output_plane, self.planes, self.pixels()),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("parts are for the tile unit of x86-64"),
        };
        assert!(reach <= self.output.len());
    }
}

/// How the outputs of a plane are stored.
pub(super) trait Sink<V>: Copy {
    /// Stores a vector of a pixel.
    ///
    /// # Safety
    /// The processor has `V`'s instruction set, and the pixel and lane exist.
    unsafe fn store(self, pixel: usize, lane: usize, value: V);
}

/// Stores f32 where the plane starts.
#[derive(Clone, Copy)]
pub(super) struct Floats(pub *mut f32);

impl<V: Vector> Sink<V> for Floats {
    #[inline(always)]
    unsafe fn store(self, pixel: usize, lane: usize, value: V) {
        // SAFETY: passed on to the caller.
        unsafe { value.store(self.0.add(pixel * BLOCK + lane)) }
    }
}

/// Convolves a plane into f32, `WIDTH` outputs at a time.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Depthwise::check`] has passed.
#[inline(always)]
pub(super) unsafe fn depthwise<V: Vector, const WIDTH: usize>(task: &mut Depthwise<'_>) {
    // SAFETY: `check` has compared the plane with the output.
    unsafe {
        let output = task.output.as_mut_ptr().add(task.plane * task.output_plane);
        depthwise_into::<V, Floats, WIDTH>(task, Floats(output));
    }
}

/// Convolves a plane into a sink.
///
/// # Safety
/// As [`depthwise`].
#[inline(always)]
pub(super) unsafe fn depthwise_into<V: Vector, S: Sink<V>, const WIDTH: usize>(
    task: &Depthwise<'_>,
    sink: S,
) {
    // SAFETY: passed on; a block is a whole number of vectors.
    unsafe {
        let mut lane = 0;
        while lane < BLOCK {
            if task.stride == 1 {
                convolve::<V, S, WIDTH, 1>(task, sink, lane);
            } else {
                convolve::<V, S, WIDTH, 2>(task, sink, lane);
            }
            lane += V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn convolve<V: Vector, S: Sink<V>, const WIDTH: usize, const STRIDE: usize>(
    task: &Depthwise<'_>,
    sink: S,
    lane: usize,
) {
    // SAFETY: `check` has compared the furthest row and pixel with the slices.
    unsafe {
        let input = task.input.as_ptr().add(lane);
        let mut weights = [V::splat(0.0); 10];
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = V::load(task.weights.as_ptr().add(tap * BLOCK + lane));
        }
        let mut pixel = 0;
        for first in (0..task.rows.len() - 2).step_by(STRIDE) {
            let mut rows = [
                input.add(*task.rows.get_unchecked(first) as usize),
                input.add(*task.rows.get_unchecked(first + 1) as usize),
                input.add(*task.rows.get_unchecked(first + 2) as usize),
            ];
            let end = pixel + task.columns;
            while pixel + WIDTH <= end {
                let sums = pixels::<V, WIDTH, STRIDE>(&mut rows, &weights);
                unroll!(index < WIDTH => sink.store(pixel + index, lane, sums[index]));
                pixel += WIDTH;
            }
            while pixel < end {
                let [sum] = pixels::<V, 1, STRIDE>(&mut rows, &weights);
                sink.store(pixel, lane, sum);
                pixel += 1;
            }
        }
    }
}

/// `WIDTH` neighbouring outputs: each input is loaded once and used by up to three of them.
#[inline(always)]
unsafe fn pixels<V: Vector, const WIDTH: usize, const STRIDE: usize>(
    rows: &mut [*const f32; 3],
    weights: &[V; 10],
) -> [V; WIDTH] {
    // SAFETY: the caller has the inputs under `WIDTH` outputs.
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
        unroll!(pixel < WIDTH => {
            sums[pixel] = sums[pixel].relu6();
        });
        sums
    }
}
