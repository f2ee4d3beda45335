//! 1x1 convolution: the matrix product of pixels and packed weights, with the residual and ReLU6 after it.

use super::BLOCK;
use super::places::Places;
use super::tile::{Tile, accumulate, unroll};
use super::vector::Vector;

/// The initial value of a tile's sums.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// The bias.
    Bias,
    /// The bias and a tensor laid out as the output: a residual connection.
    Residual(&'a [f32]),
    /// The output's values: the sums over earlier input channels.
    Output,
}

/// One 1x1 convolution over blocked planes.
///
/// ```text
/// input   [channel / 16][pixel][16]      planes `input_plane` floats apart
/// weights [panel][input channel][panel width]
/// output  [channel / 16][pixel][16]      planes `output_plane` floats apart
/// ```
pub struct Product<'a> {
    /// Whether the input and weights are in bf16 parts; see `parts.rs`.
    pub in_parts: bool,
    /// Planes of the input, from the first pixel on.
    pub input: &'a [f32],
    /// Floats from one input plane to the next.
    pub input_plane: usize,
    /// Input channels that are multiplied; the rest of the last plane is not read.
    pub depth: usize,
    /// Pixels to compute.
    pub pixels: usize,
    /// Packed by [`packing::pack`](crate::packing::pack), from the first column on.
    pub weights: &'a [f32],
    /// One an output column.
    pub bias: &'a [f32],
    /// Output channels, a multiple of 16.
    pub columns: usize,
    /// Planes of the output.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
    /// Where in a plane each pixel goes, in floats; in order and dense if absent.
    pub places: Option<&'a Places>,
    /// The initial value of the sums.
    pub start: Start<'a>,
    /// Whether the result is clamped to 0 and 6.
    pub relu6: bool,
    /// Whether the output is stored in parts as well, in planes after those of f32; only where
    /// the input is in parts.
    pub out_parts: bool,
}

impl Product<'_> {
    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(!self.in_parts && !self.out_parts);
        if self.pixels == 0 {
            return;
        }
        let planes = self.depth.div_ceil(BLOCK);
        let last_depth = self.depth - (planes - 1) * BLOCK;
        let reach = (planes - 1) * self.input_plane + (self.pixels - 1) * BLOCK + last_depth;
        assert!(self.depth > 0 && reach <= self.input.len());
        assert!(self.columns > 0 && self.columns.is_multiple_of(BLOCK));
        assert!(self.weights.len() >= self.depth * self.columns);
        assert!(self.bias.len() >= self.columns);
        let furthest = match self.places {
            None => (self.pixels - 1) * BLOCK,
            Some(places) => {
                assert!(self.pixels <= places.count());
                places.furthest()
            }
        };
        let reach = (self.columns / BLOCK - 1) * self.output_plane + furthest + BLOCK;
        assert!(reach <= self.output.len());
        if let Start::Residual(residual) = self.start {
            assert!(reach <= residual.len());
        }
    }
}

/// What a product multiplies.
pub(super) trait Operand<V: Vector> {
    /// Adds the whole depth of the product to a tile of `ROWS` pixels from `pixel` on.
    ///
    /// # Safety
    /// The processor has `V`'s instruction set, the check for the operand has passed, and columns
    /// and pixels are inside the task.
    unsafe fn multiply<const ROWS: usize, const VECTORS: usize>(
        task: &Product<'_>,
        tile: &mut Tile<V, ROWS, VECTORS>,
        column: usize,
        pixel: usize,
    );

    /// Stores some columns of an output pixel once more, in parts.
    ///
    /// # Safety
    /// As [`Operand::multiply`].
    unsafe fn store_parts(task: &mut Product<'_>, column: usize, pixel: usize, value: V);
}

/// Operands in f32.
pub(super) struct Full;

/// Computes a product with tiles of `ROWS` pixels by `WIDE` vectors, and `NARROW` vectors (16
/// outputs) where the columns end in half a panel.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Product::check`] has passed.
#[inline(always)]
pub(super) unsafe fn product<
    V: Vector,
    O: Operand<V>,
    const ROWS: usize,
    const WIDE: usize,
    const NARROW: usize,
>(
    task: &mut Product<'_>,
) {
    let mut column = 0;
    // SAFETY: columns stay below `task.columns`, a multiple of 16.
    unsafe {
        while column + WIDE * V::LANES <= task.columns {
            panel::<V, O, ROWS, WIDE>(task, column);
            column += WIDE * V::LANES;
        }
        while column < task.columns {
            panel::<V, O, ROWS, NARROW>(task, column);
            column += NARROW * V::LANES;
        }
    }
}

#[inline(always)]
unsafe fn panel<V: Vector, O: Operand<V>, const ROWS: usize, const VECTORS: usize>(
    task: &mut Product<'_>,
    column: usize,
) {
    let mut pixel = 0;
    // SAFETY: each call covers rows below `task.pixels`.
    unsafe {
        while pixel + ROWS <= task.pixels {
            rows::<V, O, ROWS, VECTORS>(task, column, pixel);
            pixel += ROWS;
        }
        if pixel + 7 <= task.pixels {
            rows::<V, O, 7, VECTORS>(task, column, pixel);
            pixel += 7;
        }
        if pixel + 4 <= task.pixels {
            rows::<V, O, 4, VECTORS>(task, column, pixel);
            pixel += 4;
        }
        if pixel + 2 <= task.pixels {
            rows::<V, O, 2, VECTORS>(task, column, pixel);
            pixel += 2;
        }
        if pixel < task.pixels {
            rows::<V, O, 1, VECTORS>(task, column, pixel);
        }
    }
}

#[inline(always)]
unsafe fn rows<V: Vector, O: Operand<V>, const ROWS: usize, const VECTORS: usize>(
    task: &mut Product<'_>,
    column: usize,
    pixel: usize,
) {
    // SAFETY: `check` has compared the furthest place and weight with the slices.
    unsafe {
        let places = task.places.map(|places| places.list().as_ptr().add(pixel));
        // Where a row lies in each plane.
        let place = |row: usize| match places {
            Some(places) => *places.add(row) as usize,
            None => (pixel + row) * BLOCK,
        };
        // Where a vector's plane starts, in the output and in a residual.
        let plane = |vector: usize| {
            let column = column + vector * V::LANES;
            column / BLOCK * task.output_plane + column % BLOCK
        };
        let mut bias = [V::splat(0.0); VECTORS];
        unroll!(vector < VECTORS => {
            bias[vector] = V::load(task.bias.as_ptr().add(column + vector * V::LANES));
        });
        let mut tile: Tile<V, ROWS, VECTORS> = [bias; ROWS];
        match task.start {
            Start::Bias => {}
            Start::Residual(residual) => unroll!(vector < VECTORS => {
                let from = residual.as_ptr().add(plane(vector));
                unroll!(row < ROWS => {
                    tile[row][vector] = tile[row][vector].add(V::load(from.add(place(row))));
                });
            }),
            Start::Output => unroll!(vector < VECTORS => {
                let from = task.output.as_ptr().add(plane(vector));
                unroll!(row < ROWS => {
                    tile[row][vector] = V::load(from.add(place(row)));
                });
            }),
        }
        O::multiply(task, &mut tile, column, pixel);
        if task.relu6 {
            unroll!(row < ROWS => unroll!(vector < VECTORS => {
                tile[row][vector] = tile[row][vector].relu6();
            }));
        }
        unroll!(vector < VECTORS => {
            let to = task.output.as_mut_ptr().add(plane(vector));
            unroll!(row < ROWS => tile[row][vector].store(to.add(place(row))));
        });
        if task.out_parts {
            unroll!(vector < VECTORS => unroll!(row < ROWS => {
                let column = column + vector * V::LANES;
                O::store_parts(task, column, pixel + row, tile[row][vector]);
            }));
        }
    }
}

impl<V: Vector> Operand<V> for Full {
    #[inline(always)]
    unsafe fn multiply<const ROWS: usize, const VECTORS: usize>(
        task: &Product<'_>,
        tile: &mut Tile<V, ROWS, VECTORS>,
        column: usize,
        pixel: usize,
    ) {
        // SAFETY: panels before this one hold `column` columns of `depth` weights; planes and
        // pixels are inside the slices by `check`.
        unsafe {
            let mut weights = task.weights.as_ptr().add(column * task.depth);
            let mut pixels = task.input.as_ptr().add(pixel * BLOCK);
            let mut left = task.depth;
            while left >= BLOCK {
                accumulate::<V, ROWS, VECTORS, BLOCK>(tile, pixels, weights, BLOCK);
                pixels = pixels.add(task.input_plane);
                weights = weights.add(BLOCK * VECTORS * V::LANES);
                left -= BLOCK;
            }
            accumulate::<V, ROWS, VECTORS, BLOCK>(tile, pixels, weights, left);
        }
    }

    #[inline(always)]
    unsafe fn store_parts(_task: &mut Product<'_>, _column: usize, _pixel: usize, _value: V) {
        // `check` has refused outputs in parts.
    }
}
