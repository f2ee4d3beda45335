//! Dense convolution of any kernel as an implicit matrix product: no window is ever copied.
//!
//! An output is a sum over runs of input values that lie together: the sixteen channels of a block
//! under one tap, or a row of a kernel over interleaved colours. Where each run begins, relative to
//! the output's first input, is the same for all outputs, so that the tile of a 1x1 convolution
//! serves for all of them, with another pointer a run.

use super::BLOCK;
use super::activation::{Activation, activate};
use super::tile::{Tile, accumulate, unroll};
use super::vector::Vector;

/// Distances in floats between the inputs of neighbouring outputs that there are kernels for:
/// strides 1 and 2 over blocks of channels, 2 and 14 over interleaved colours.
const STEPS: [usize; 4] = [BLOCK, 2 * BLOCK, 6, 42];

/// Input values that lie together.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Floats from an output's first input to the run.
    pub offset: u32,
    /// Number of values.
    pub len: u32,
}

/// Distances in floats in a tensor of blocks of sixteen channels.
#[derive(Debug, Clone, Copy)]
pub struct Strides {
    /// From an image to the next.
    pub image: usize,
    /// From a block of channels to the next.
    pub plane: usize,
    /// From a row to the next.
    pub row: usize,
}

/// What the sums begin with.
#[derive(Clone, Copy)]
pub enum Base<'a> {
    /// The bias.
    Bias,
    /// The bias and the output's value.
    Output,
    /// The bias and the values of a tensor, from its first pixel on.
    Tensor(&'a [f32], Strides),
}

/// A convolution of some images.
pub struct Convolution<'a> {
    /// The input, from the first output's first input on.
    pub input: &'a [f32],
    /// Floats from the input of an image to that of the next.
    pub input_image: usize,
    /// Floats from the input of a row of outputs to that of the next.
    pub input_row: usize,
    /// Floats from the input of an output to that of its neighbour, one of `STEPS`.
    pub step: usize,
    /// The inputs of an output, in the order of its weights.
    pub runs: &'a [Run],
    /// How many runs are multiplied for all outputs before the next ones are.
    pub chunk: usize,
    /// Number of images.
    pub images: usize,
    /// Rows of outputs an image.
    pub height: usize,
    /// Outputs a row.
    pub width: usize,
    /// Packed by [`packing::pack`](crate::packing::pack) from the first column on; a column has a weight for each
    /// value of each run.
    pub weights: &'a [f32],
    /// One an output channel.
    pub bias: &'a [f32],
    /// Output channels, a multiple of 16.
    pub columns: usize,
    /// The output, from its first pixel on: blocks of channels, pixels of a row side by side.
    pub output: &'a mut [f32],
    /// Distances in the output.
    pub strides: Strides,
    /// What the sums begin with.
    pub base: Base<'a>,
    /// What follows the sums.
    pub activation: Activation,
}

impl Convolution<'_> {
    /// Values an output is made of.
    fn depth(&self) -> usize {
        self.runs.iter().map(|run| run.len as usize).sum()
    }

    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(
            STEPS.contains(&self.step),
            "no kernel for a step of {}",
            self.step
        );
        assert!(self.images > 0 && self.height > 0 && self.width > 0 && self.chunk > 0);
        assert!(self.columns > 0 && self.columns.is_multiple_of(BLOCK));
        let ends = self
            .runs
            .iter()
            .map(|run| run.offset as usize + run.len as usize);
        let furthest = (self.images - 1) * self.input_image
            + (self.height - 1) * self.input_row
            + (self.width - 1) * self.step;
        assert!(furthest + ends.max().expect("an output has inputs") <= self.input.len());
        assert!(self.weights.len() >= self.depth() * self.columns);
        assert!(self.bias.len() >= self.columns);
        let reach = |strides: &Strides| {
            (self.images - 1) * strides.image
                + (self.columns / BLOCK - 1) * strides.plane
                + (self.height - 1) * strides.row
                + self.width * BLOCK
        };
        assert!(reach(&self.strides) <= self.output.len());
        if let Base::Tensor(tensor, strides) = &self.base {
            assert!(reach(strides) <= tensor.len());
        }
    }
}

/// Convolves with inputs `STEP` floats apart, in tiles of `ROWS` outputs by `WIDE` vectors of
/// channels, and `NARROW` vectors (16 channels) where these end in half a panel.
///
/// # Safety
/// The processor has `V`'s instruction set, [`Convolution::check`] has passed, and `STEP` is the
/// task's step.
#[inline(always)]
pub(super) unsafe fn convolution<
    V: Vector,
    const ROWS: usize,
    const WIDE: usize,
    const NARROW: usize,
    const STEP: usize,
>(
    task: &mut Convolution<'_>,
) {
    let depth = task.depth();
    let mut column = 0;
    // SAFETY: columns stay below `task.columns`, a multiple of 16.
    unsafe {
        while column + WIDE * V::LANES <= task.columns {
            panel::<V, ROWS, WIDE, STEP>(task, column, depth);
            column += WIDE * V::LANES;
        }
        while column < task.columns {
            panel::<V, ROWS, NARROW, STEP>(task, column, depth);
            column += NARROW * V::LANES;
        }
    }
}

/// Some runs of the inputs of some channels.
struct Part<'a> {
    runs: &'a [Run],
    weights: *const f32,
    bias: *const f32,
    /// Floats from a block of channels to the next, in the output and in the base.
    planes: [usize; 2],
    is_first: bool,
    /// Whether values below zero become zero: after the last runs, with ReLU.
    relu: bool,
}

/// A place in the input, the output and the base, which is the output where there is no tensor.
#[derive(Clone, Copy)]
struct Place {
    input: *const f32,
    output: *mut f32,
    base: Option<*const f32>,
}

impl Place {
    /// The place of the pixel some pixels on.
    ///
    /// # Safety
    /// The pixel is in the same row.
    #[inline(always)]
    unsafe fn add(self, pixels: usize, step: usize) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            Self {
                input: self.input.add(pixels * step),
                output: self.output.add(pixels * BLOCK),
                base: self.base.map(|base| base.add(pixels * BLOCK)),
            }
        }
    }
}

#[inline(always)]
unsafe fn panel<V: Vector, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    task: &mut Convolution<'_>,
    column: usize,
    depth: usize,
) {
    // SAFETY: `check` has compared the furthest pixel, weight and output with the slices; panels
    // before this one hold `column` columns of `depth` weights.
    unsafe {
        let mut weights = task.weights.as_ptr().add(column * depth);
        let strides = task.strides;
        let base_strides = match task.base {
            Base::Tensor(_, strides) => strides,
            Base::Bias | Base::Output => strides,
        };
        let output = task.output.as_mut_ptr().add(column / BLOCK * strides.plane);
        let base = match task.base {
            Base::Bias => None,
            Base::Output => Some(output.cast_const()),
            Base::Tensor(tensor, strides) => {
                Some(tensor.as_ptr().add(column / BLOCK * strides.plane))
            }
        };
        let chunks = task.runs.len().div_ceil(task.chunk);
        for (index, runs) in task.runs.chunks(task.chunk).enumerate() {
            let is_last = index + 1 == chunks;
            let part = Part {
                runs,
                weights,
                bias: task.bias.as_ptr().add(column),
                planes: [strides.plane, base_strides.plane],
                is_first: index == 0,
                relu: is_last && task.activation == Activation::Relu,
            };
            for image in 0..task.images {
                for row in 0..task.height {
                    let input = image * task.input_image + row * task.input_row;
                    let to = output.add(image * strides.image + row * strides.row);
                    let from = image * base_strides.image + row * base_strides.row;
                    let place = Place {
                        input: task.input.as_ptr().add(input),
                        output: to,
                        base: base.map(|base| base.add(from)),
                    };
                    tiles::<V, ROWS, VECTORS, STEP>(&part, place, task.width);
                    if is_last
                        && !matches!(task.activation, Activation::Identity | Activation::Relu)
                    {
                        // The row of these channels is still in the first-level cache.
                        for block in 0..VECTORS * V::LANES / BLOCK {
                            let values = to.add(block * strides.plane);
                            activate::<V>(task.activation, values, task.width * BLOCK);
                        }
                    }
                }
            }
            let values: usize = runs.iter().map(|run| run.len as usize).sum();
            weights = weights.add(values * VECTORS * V::LANES);
        }
    }
}

/// A row of outputs. A single one at the end would wait for its own sums, so that the end is
/// divided among two tiles.
#[inline(always)]
unsafe fn tiles<V: Vector, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    part: &Part<'_>,
    row: Place,
    width: usize,
) {
    let mut pixel = 0;
    // SAFETY: each call covers pixels below `width`.
    unsafe {
        macro_rules! tile {
            ($rows:expr) => {{
                tile::<V, { $rows }, VECTORS, STEP>(part, row.add(pixel, STEP));
                pixel += $rows;
            }};
        }
        while width - pixel >= ROWS && width - pixel != ROWS + 1 {
            tile::<V, ROWS, VECTORS, STEP>(part, row.add(pixel, STEP));
            pixel += ROWS;
        }
        if ROWS > 7 && width - pixel >= 7 {
            tile!(7);
        }
        if width - pixel > 6 {
            tile!(4);
        }
        match width - pixel {
            0 => {}
            1 => tile!(1),
            2 => tile!(2),
            3 => tile!(3),
            4 => tile!(4),
            5 => tile!(5),
            _ => tile!(6),
        }
        debug_assert_eq!(pixel, width);
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    part: &Part<'_>,
    place: Place,
) {
    // SAFETY: as for the panel.
    unsafe {
        // Where a vector lies in a plane, and in which.
        let at = |vector: usize, plane: usize| {
            vector * V::LANES / BLOCK * plane + vector * V::LANES % BLOCK
        };
        let mut tile: Tile<V, ROWS, VECTORS>;
        if part.is_first {
            let mut bias = [V::splat(0.0); VECTORS];
            unroll!(vector < VECTORS => {
                bias[vector] = V::load(part.bias.add(vector * V::LANES));
            });
            tile = [bias; ROWS];
            if let Some(base) = place.base {
                unroll!(vector < VECTORS => {
                    let from = base.add(at(vector, part.planes[1]));
                    unroll!(row < ROWS => {
                        tile[row][vector] = tile[row][vector].add(V::load(from.add(row * BLOCK)));
                    });
                });
            }
        } else {
            tile = [[V::splat(0.0); VECTORS]; ROWS];
            unroll!(vector < VECTORS => {
                let from = place.output.add(at(vector, part.planes[0]));
                unroll!(row < ROWS => {
                    tile[row][vector] = V::load(from.add(row * BLOCK));
                });
            });
        }
        let mut weights = part.weights;
        for run in part.runs {
            let pixels = place.input.add(run.offset as usize);
            let len = run.len as usize;
            accumulate::<V, ROWS, VECTORS, STEP>(&mut tile, pixels, weights, len);
            weights = weights.add(len * VECTORS * V::LANES);
        }
        if part.relu {
            unroll!(row < ROWS => unroll!(vector < VECTORS => {
                tile[row][vector] = tile[row][vector].max(V::splat(0.0));
            }));
        }
        unroll!(vector < VECTORS => {
            let to = place.output.add(at(vector, part.planes[0]));
            unroll!(row < ROWS => tile[row][vector].store(to.add(row * BLOCK)));
        });
    }
}
