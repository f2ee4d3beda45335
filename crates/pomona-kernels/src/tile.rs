//! The innermost loop of every dense convolution: a tile of pixels x outputs held in registers.

use super::vector::Vector;

/// Repeats an expression with an index known to the compiler, at most 14 times.
///
/// An array that is only ever indexed by constants lives in registers; a loop that the compiler
/// declines to unroll would move a whole tile to the stack, at a third of the speed.
macro_rules! unroll {
    ($index:ident < $count:expr => $body:expr) => {
        unroll!(@ $index, $count, $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $index:ident, $count:expr, $body:expr; $($step:literal)*) => {{
        $(
            if $step < $count {
                let $index: usize = $step;
                $body;
            }
        )*
    }};
}
pub(super) use unroll;

/// Sums of `ROWS` pixels by `VECTORS` vectors of outputs.
pub(super) type Tile<V, const ROWS: usize, const VECTORS: usize> = [[V; VECTORS]; ROWS];

/// Adds `depth` outer products to a tile, two a turn of the loop.
///
/// `STEP` is the distance in floats between a pixel and the next, a constant so that all rows are
/// addressed from one pointer. One vector of weights is loaded a step and output vector; one value
/// a pixel is broadcast.
///
/// # Safety
/// As [`Vector`]; `pixels` is valid for `(ROWS - 1) * STEP + depth` values and `weights` for
/// `depth * VECTORS * V::LANES`.
#[inline(always)]
pub(super) unsafe fn accumulate<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const STEP: usize,
>(
    tile: &mut Tile<V, ROWS, VECTORS>,
    pixels: *const f32,
    weights: *const f32,
    depth: usize,
) {
    let (mut pixels, mut weights) = (pixels, weights);
    // SAFETY: each step reads inside the ranges that the caller guarantees.
    unsafe {
        for _ in 0..depth / 2 {
            step::<V, ROWS, VECTORS, STEP>(tile, pixels, weights);
            step::<V, ROWS, VECTORS, STEP>(tile, pixels.add(1), weights.add(VECTORS * V::LANES));
            pixels = pixels.add(2);
            weights = weights.add(2 * VECTORS * V::LANES);
        }
        if !depth.is_multiple_of(2) {
            step::<V, ROWS, VECTORS, STEP>(tile, pixels, weights);
        }
    }
}

/// Adds one outer product.
#[inline(always)]
unsafe fn step<V: Vector, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    tile: &mut Tile<V, ROWS, VECTORS>,
    pixels: *const f32,
    weights: *const f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut loaded = [V::splat(0.0); VECTORS];
        unroll!(vector < VECTORS => {
            loaded[vector] = V::load(weights.add(vector * V::LANES));
        });
        unroll!(row < ROWS => {
            let value = V::splat(*pixels.add(row * STEP));
            unroll!(vector < VECTORS => {
                tile[row][vector] = value.mul_add(loaded[vector], tile[row][vector]);
            });
        });
    }
}
