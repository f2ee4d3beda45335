//! Depthwise 3x3 and 5x5 convolution of planes of sixteen channels, with its activation.

use std::ops::Range;

use super::BLOCK;
use super::activation::{Activation, Apply, Identity, Relu, Relu6, Silu};
use super::parts::Parts;
use super::tile::unroll;
use super::vector::Vector;

/// Floats that describe one plane's 3x3 kernel: nine taps and the bias of sixteen channels.
pub const PLANE_WEIGHTS: usize = plane_weights(3);

/// Floats that describe one plane's kernel of `size x size` taps and the bias.
pub const fn plane_weights(size: usize) -> usize {
    (size * size + 1) * BLOCK
}

/// A depthwise convolution of some neighbouring planes.
///
/// Rows are the outer loop: where two planes of sixteen channels share cache lines of the output,
/// the line is still in the first-level cache when the second of them is written.
pub struct Depthwise<'a> {
    /// The planes: rows of pixels of 16 channels, zeros to the left and right included.
    pub input: &'a [f32],
    /// Floats from one input plane to the next.
    pub input_plane: usize,
    /// Where in a plane each needed input row starts, in floats, at the first pixel that the
    /// first output reads; `stride * (rows - 1) + size` of them.
    pub rows: &'a [u32],
    /// Of each plane, the taps then the bias, 16 floats each.
    pub weights: &'a [f32],
    /// Planes of rows of `columns` pixels, without padding: of 16 channels, or of 32 in parts.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
    /// Which of the output's planes of sixteen channels these are.
    pub planes: Range<usize>,
    /// How many planes of sixteen channels the output has.
    pub output_planes: usize,
    /// Whether the output is in bf16 parts; see `parts.rs`.
    pub in_parts: bool,
    /// Pixels an output row.
    pub columns: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Rows and columns of the kernel: 3 or 5; 3 alone where the output is in parts.
    pub size: usize,
    /// Identity, ReLU or SiLU, and ReLU6 after a kernel of 3; the latter alone in parts.
    pub activation: Activation,
}

impl Depthwise<'_> {
    /// Output pixels that the given input rows allow.
    fn pixels(&self) -> usize {
        ((self.rows.len() - self.size) / self.stride + 1) * self.columns
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self, parts: usize) {
        let is_relu6 = self.activation == Activation::Relu6;
        assert!(matches!(self.size, 3 | 5) && (self.size == 3 || !is_relu6));
        assert!(parts == 0 || is_relu6);
        assert!(self.rows.len() >= self.size && self.columns > 0 && matches!(self.stride, 1 | 2));
        let width = ((self.columns - 1) * self.stride + self.size) * BLOCK;
        let furthest = self.rows.iter().copied().max().unwrap_or(0) as usize;
        let planes = self.planes.len();
        assert!(planes > 0 && self.planes.end <= self.output_planes);
        assert!((planes - 1) * self.input_plane + furthest + width <= self.input.len());
        assert!(self.weights.len() >= planes * plane_weights(self.size));
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
    macro_rules! into {
        ($activation:ident, $size:literal, $weights:literal) => {
            // SAFETY: `check` has compared the planes with the output.
            unsafe {
                depthwise_into::<V, Floats, $activation, $size, $weights, WIDTH>(task, |plane| {
                    Floats(output.add(plane * stride))
                });
            }
        };
    }
    match (task.size, task.activation) {
        (3, Activation::Relu6) => into!(Relu6, 3, 10),
        (3, Activation::Identity) => into!(Identity, 3, 10),
        (3, Activation::Relu) => into!(Relu, 3, 10),
        (3, Activation::Silu) => into!(Silu, 3, 10),
        (5, Activation::Identity) => into!(Identity, 5, 26),
        (5, Activation::Relu) => into!(Relu, 5, 26),
        (5, Activation::Silu) => into!(Silu, 5, 26),
        (size, activation) => panic!("no depthwise kernel of {size} with {activation:?}"),
    }
}

/// Convolves planes into the sinks that `sink` returns for them; `SIZE` is the kernel's and
/// `WEIGHTS` its taps and the bias.
///
/// # Safety
/// As [`depthwise`].
#[inline(always)]
pub(super) unsafe fn depthwise_into<
    V: Vector,
    S: Sink<V>,
    A: Apply<V>,
    const SIZE: usize,
    const WEIGHTS: usize,
    const WIDTH: usize,
>(
    task: &Depthwise<'_>,
    sink: impl Fn(usize) -> S,
) {
    for (row, first) in (0..task.rows.len() + 1 - SIZE)
        .step_by(task.stride)
        .enumerate()
    {
        for (index, plane) in task.planes.clone().enumerate() {
            let sink = sink(plane);
            for lane in (0..BLOCK).step_by(V::LANES) {
                let place = [index, row, first, lane];
                // SAFETY: passed on; a block is a whole number of vectors.
                unsafe {
                    if task.stride == 1 {
                        convolve::<V, S, A, SIZE, WEIGHTS, WIDTH, 1>(task, sink, place);
                    } else {
                        convolve::<V, S, A, SIZE, WEIGHTS, WIDTH, 2>(task, sink, place);
                    }
                }
            }
        }
    }
}

/// Convolves a row of one vector of a plane: the plane, the output row, the first of its input
/// rows, and the vector's first lane.
#[inline(always)]
unsafe fn convolve<
    V: Vector,
    S: Sink<V>,
    A: Apply<V>,
    const SIZE: usize,
    const WEIGHTS: usize,
    const WIDTH: usize,
    const STRIDE: usize,
>(
    task: &Depthwise<'_>,
    sink: S,
    [plane, row, first, lane]: [usize; 4],
) {
    // SAFETY: `check` has compared the furthest row and pixel with the slices.
    unsafe {
        let input = task.input.as_ptr().add(plane * task.input_plane + lane);
        let from = task.weights.as_ptr().add(plane * WEIGHTS * BLOCK + lane);
        let mut weights = [V::splat(0.0); WEIGHTS];
        unroll!(tap < WEIGHTS => {
            weights[tap] = V::load(from.add(tap * BLOCK));
        });
        // Beyond what `unroll` repeats: these do not all fit into registers anyway.
        for (tap, weight) in weights.iter_mut().enumerate().skip(14) {
            *weight = V::load(from.add(tap * BLOCK));
        }
        let mut rows = [input; SIZE];
        for (tap, row) in rows.iter_mut().enumerate() {
            *row = input.add(*task.rows.get_unchecked(first + tap) as usize);
        }
        let mut pixel = row * task.columns;
        let end = pixel + task.columns;
        while pixel + WIDTH <= end {
            let sums = pixels::<V, A, SIZE, WEIGHTS, WIDTH, STRIDE>(&mut rows, &weights);
            unroll!(index < WIDTH => sink.store(pixel + index, lane, sums[index]));
            pixel += WIDTH;
        }
        while pixel < end {
            let [sum] = pixels::<V, A, SIZE, WEIGHTS, 1, STRIDE>(&mut rows, &weights);
            sink.store(pixel, lane, sum);
            pixel += 1;
        }
    }
}

/// `WIDTH` neighbouring outputs: each input is loaded once and used by up to `SIZE` of them.
#[inline(always)]
unsafe fn pixels<
    V: Vector,
    A: Apply<V>,
    const SIZE: usize,
    const WEIGHTS: usize,
    const WIDTH: usize,
    const STRIDE: usize,
>(
    rows: &mut [*const f32; SIZE],
    weights: &[V; WEIGHTS],
) -> [V; WIDTH] {
    // SAFETY: the caller has the inputs under `WIDTH` outputs.
    unsafe {
        let mut sums = [weights[SIZE * SIZE]; WIDTH];
        for (index, row) in rows.iter_mut().enumerate() {
            // Loads that two outputs share are written twice and merged by the compiler.
            unroll!(pixel < WIDTH => {
                unroll!(tap < SIZE => {
                    let value = V::load(row.add((pixel * STRIDE + tap) * BLOCK));
                    sums[pixel] = value.mul_add(weights[index * SIZE + tap], sums[pixel]);
                });
            });
            *row = row.add(WIDTH * STRIDE * BLOCK);
        }
        unroll!(pixel < WIDTH => {
            sums[pixel] = A::apply(sums[pixel]);
        });
        sums
    }
}
