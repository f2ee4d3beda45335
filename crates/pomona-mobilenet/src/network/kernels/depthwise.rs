//! Depthwise 3x3 convolution of one plane of sixteen channels, with its ReLU6.

use std::ops::Range;

use super::BLOCK;
use super::parts::Parts;
use super::tile::unroll;
use super::vector::Vector;

/// Floats that describe one plane's kernel: nine taps and the bias of sixteen channels.
pub(crate) const PLANE_WEIGHTS: usize = 10 * BLOCK;

/// A depthwise convolution of some neighbouring planes.
///
/// Rows are the outer loop: where two planes of sixteen channels share cache lines of the output,
/// the line is still in the first-level cache when the second of them is written.
pub(crate) struct Depthwise<'a> {
    /// The planes: rows of pixels of 16 channels, zeros to the left and right included.
    pub input: &'a [f32],
    /// Floats from one input plane to the next.
    pub input_plane: usize,
    /// Where in a plane each needed input row starts, in floats, at the first pixel that the
    /// first output reads; `stride * (rows - 1) + 3` of them.
    pub rows: &'a [u32],
    /// Of each plane, nine taps then the bias, 16 floats each.
    pub weights: &'a [f32],
    /// Planes of rows of `columns` pixels, without padding: of 16 channels, or of 32 in parts.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
    /// Which of the output's planes of sixteen channels these are.
    pub planes: Range<usize>,
    /// How many planes of sixteen channels the output has.
    pub output_planes: usize,
    /// Whether the output is in bf16 parts; see [`super::parts`].
    pub in_parts: bool,
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
        let planes = self.planes.len();
        assert!(planes > 0 && self.planes.end <= self.output_planes);
        assert!((planes - 1) * self.input_plane + furthest + width <= self.input.len());
        assert!(self.weights.len() >= planes * PLANE_WEIGHTS);
        let reach = match parts {
            0 => (self.planes.end - 1) * self.output_plane + self.pixels() * BLOCK,
            _ => Parts::reach(parts, self.output_plane, self.output_planes, self.pixels()),
        };
        assert!(reach <= self.output.len());
    }
}

/// Stores the outputs of a plane.
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

/// Convolves planes into f32, `WIDTH` outputs at a time.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Depthwise::check`] has passed.
#[inline(always)]
pub(super) unsafe fn depthwise<V: Vector, const WIDTH: usize>(task: &mut Depthwise<'_>) {
    let (output, stride) = (task.output.as_mut_ptr(), task.output_plane);
    // SAFETY: `check` has compared the planes with the output.
    unsafe {
        depthwise_into::<V, Floats, WIDTH>(task, |plane| Floats(output.add(plane * stride)));
    }
}

/// Convolves planes into the sinks that `sink` returns for them.
///
/// # Safety
/// As [`depthwise`].
#[inline(always)]
pub(super) unsafe fn depthwise_into<V: Vector, S: Sink<V>, const WIDTH: usize>(
    task: &Depthwise<'_>,
    sink: impl Fn(usize) -> S,
) {
    for (row, first) in (0..task.rows.len() - 2).step_by(task.stride).enumerate() {
        for (index, plane) in task.planes.clone().enumerate() {
            let sink = sink(plane);
            for lane in (0..BLOCK).step_by(V::LANES) {
                // SAFETY: passed on; a block is a whole number of vectors.
                unsafe {
                    if task.stride == 1 {
                        convolve::<V, S, WIDTH, 1>(task, sink, index, row, first, lane);
                    } else {
                        convolve::<V, S, WIDTH, 2>(task, sink, index, row, first, lane);
                    }
                }
            }
        }
    }
}

/// Convolves output row `row`, the first of whose input rows is `first`, of one vector of a plane.
#[inline(always)]
unsafe fn convolve<V: Vector, S: Sink<V>, const WIDTH: usize, const STRIDE: usize>(
    task: &Depthwise<'_>,
    sink: S,
    plane: usize,
    row: usize,
    first: usize,
    lane: usize,
) {
    // SAFETY: `check` has compared the furthest row and pixel with the slices.
    unsafe {
        let input = task.input.as_ptr().add(plane * task.input_plane + lane);
        let from = task.weights.as_ptr().add(plane * PLANE_WEIGHTS + lane);
        let mut weights = [V::splat(0.0); 10];
        unroll!(tap < 10 => {
            weights[tap] = V::load(from.add(tap * BLOCK));
        });
        let mut rows = [
            input.add(*task.rows.get_unchecked(first) as usize),
            input.add(*task.rows.get_unchecked(first + 1) as usize),
            input.add(*task.rows.get_unchecked(first + 2) as usize),
        ];
        let mut pixel = row * task.columns;
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
