//! The innermost loop: up to two tiles of pixels by two of outputs, over all channels and parts.

use pomona_amx::{multiply_bf16 as multiply, store};

use super::super::BLOCK;
use super::super::parts::{SIDE, TILE, units};
use super::super::product::Product;
use super::Sums;

/// Bytes a row of every tile, and between the pixels of a plane.
const ROW: usize = 64;

/// Loads a tile from rows a given number of bytes apart.
macro_rules! load {
    ($tile:literal, $from:expr, $stride:expr) => {
        pomona_amx::load!($tile, $from, $stride, 0)
    };
}

/// Sums of `16 * ROWS` pixels from `pixel` on and `16 * COLUMNS` columns from `column` on, bias
/// included, in tiles 0 (first pixels, first columns), 1 (first, second), 2 and 3.
///
/// # Safety
/// The tile unit is configured, `PARTS` is 1 or 3, `ROWS` and `COLUMNS` are 1 or 2, and the input,
/// weights and bias reach as far as [`check`](super::super::parts::check) demands.
#[inline(always)]
pub(super) unsafe fn sum<const PARTS: usize, const ROWS: usize, const COLUMNS: usize>(
    task: &Product<'_>,
    column: usize,
    pixel: usize,
) {
    let units = units(task.depth);
    // SAFETY: the caller guarantees the ranges.
    unsafe {
        let bias = task.bias.as_ptr().add(column);
        // A stride of zero: the same sixteen biases in each row.
        load!(0, bias, 0_usize);
        if COLUMNS == 2 {
            load!(1, bias.add(SIDE), 0_usize);
        }
        if ROWS == 2 {
            load!(2, bias, 0_usize);
        }
        if ROWS == 2 && COLUMNS == 2 {
            load!(3, bias.add(SIDE), 0_usize);
        }

        let panel = units * PARTS * TILE;
        let mut pixels = task.input.as_ptr().add(pixel * BLOCK);
        let mut weights = task.weights.as_ptr().add(column / SIDE * panel);
        let part = units * task.input_plane;
        for _ in 0..units {
            if PARTS == 1 {
                load_pixels::<ROWS>(pixels);
                load_weights::<COLUMNS>(weights, panel);
                multiply::<ROWS, COLUMNS>();
            } else {
                // Smallest products first, and each step changes one operand: a0 w2, a0 w1,
                // a1 w1, a1 w0, a2 w0, a0 w0.
                load_pixels::<ROWS>(pixels);
                load_weights::<COLUMNS>(weights.add(2 * TILE), panel);
                multiply::<ROWS, COLUMNS>();
                load_weights::<COLUMNS>(weights.add(TILE), panel);
                multiply::<ROWS, COLUMNS>();
                load_pixels::<ROWS>(pixels.add(part));
                multiply::<ROWS, COLUMNS>();
                load_weights::<COLUMNS>(weights, panel);
                multiply::<ROWS, COLUMNS>();
                load_pixels::<ROWS>(pixels.add(2 * part));
                multiply::<ROWS, COLUMNS>();
                load_pixels::<ROWS>(pixels);
                multiply::<ROWS, COLUMNS>();
            }
            pixels = pixels.wrapping_add(task.input_plane);
            weights = weights.wrapping_add(PARTS * TILE);
        }
    }
}

/// Writes the tiles of [`sum`] to `sums`.
///
/// # Safety
/// The tile unit is configured.
#[inline(always)]
pub(super) unsafe fn store<const ROWS: usize, const COLUMNS: usize>(sums: &mut Sums) {
    // SAFETY: `sums` holds four tiles of 1024 bytes.
    unsafe {
        store!(0, sums.tile(0));
        if COLUMNS == 2 {
            store!(1, sums.tile(1));
        }
        if ROWS == 2 {
            store!(2, sums.tile(2));
        }
        if ROWS == 2 && COLUMNS == 2 {
            store!(3, sums.tile(3));
        }
    }
}

/// Sixteen pixels to tile 4, and sixteen more to tile 5.
#[inline(always)]
unsafe fn load_pixels<const ROWS: usize>(pixels: *const f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        load!(4, pixels, ROW);
        if ROWS == 2 {
            load!(5, pixels.add(SIDE * BLOCK), ROW);
        }
    }
}

/// Sixteen columns to tile 6, and sixteen more, `panel` floats on, to tile 7.
#[inline(always)]
unsafe fn load_weights<const COLUMNS: usize>(weights: *const f32, panel: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        load!(6, weights, ROW);
        if COLUMNS == 2 {
            load!(7, weights.add(panel), ROW);
        }
    }
}

/// Adds all products of the loaded tiles.
#[inline(always)]
unsafe fn multiply<const ROWS: usize, const COLUMNS: usize>() {
    // SAFETY: passed on to the caller.
    unsafe {
        multiply!(0, 4, 6);
        if COLUMNS == 2 {
            multiply!(1, 4, 7);
        }
        if ROWS == 2 {
            multiply!(2, 5, 6);
        }
        if ROWS == 2 && COLUMNS == 2 {
            multiply!(3, 5, 7);
        }
    }
}
