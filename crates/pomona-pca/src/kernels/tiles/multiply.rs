//! The innermost loop: sixteen columns times sixteen, over all rows of a block and pairs of digits.

use pomona_amx::{clear, multiply_int8 as multiply, store};

use super::{DEPTH, ORDERS, ROWS, SIDE, STEP, TILE};

/// Bytes of a row of a tile.
const ROW: usize = 64;

/// Tiles of digits along the rows of a block.
const STEPS: usize = ROWS / DEPTH;
/// Calls of `interleaved` in one step.
const PARTS: usize = SIDE / STEPS;

/// The sums of each order of a tile of columns.
#[repr(C, align(64))]
pub(super) struct Sums([[[i32; SIDE]; SIDE]; ORDERS]);

impl Sums {
    pub(super) fn zeroed() -> Self {
        Self([[[0; SIDE]; SIDE]; ORDERS])
    }
}

/// Loads a tile of digits.
macro_rules! load {
    ($tile:literal, $from:expr, $digit:literal) => {
        pomona_amx::load!($tile, $from, ROW, $digit * TILE)
    };
}

/// The sums of the products of two strips, in the left and in the right layout. `interleaved` is
/// called with each number below [`SIDE`] in order, before the first sum is written.
///
/// The unit has eight tiles. Three or four orders at a time leave some for operands, so that a loaded
/// tile serves more than one product: the unit takes one product in 16 cycles, and hardly more than
/// three tiles in the time of four products. Loads stand as early as a tile is free.
///
/// The vector units execute `interleaved` while the tile unit multiplies, if it fits into the window in
/// which the processor reorders instructions: hence one call after each step.
///
/// # Safety
/// The unit is configured, a strip is readable from each of the pointers, and `sums` is writable.
#[inline(always)]
pub(super) unsafe fn multiply(
    left: *const i8,
    right: *const i8,
    sums: *mut Sums,
    mut interleaved: impl FnMut(usize),
) {
    let to: *mut [[i32; SIDE]; SIDE] = sums.cast();
    // SAFETY: the caller guarantees the strips, and the sums are seven tiles.
    unsafe {
        clear!(0, 1, 2, 3);
        for step in 0..STEPS {
            low_orders(left.add(step * STEP), right.add(step * STEP));
            for part in 0..PARTS {
                interleaved(PARTS * step + part);
            }
        }
        store!(0, to);
        store!(1, to.add(1));
        store!(2, to.add(2));
        store!(3, to.add(6));
        clear!(0, 1, 2);
        for step in 0..STEPS {
            high_orders(left.add(step * STEP), right.add(step * STEP));
        }
        store!(0, to.add(3));
        store!(1, to.add(4));
        store!(2, to.add(5));
    }
}

/// Orders 0 to 2, and the one product of order 6: seven products of eight tiles.
///
/// # Safety
/// As [`multiply`], for one step.
#[inline(always)]
unsafe fn low_orders(a: *const i8, b: *const i8) {
    // SAFETY: passed on to the caller.
    unsafe {
        load!(4, a, 0);
        load!(5, b, 0);
        load!(6, a, 1);
        load!(7, b, 1);
        multiply!(0, 4, 5); // 0 0
        multiply!(1, 6, 5); // 1 0
        multiply!(2, 6, 7); // 1 1
        load!(6, a, 2);
        multiply!(1, 4, 7); // 0 1
        load!(7, b, 2);
        multiply!(2, 6, 5); // 2 0
        load!(5, b, 3);
        load!(6, a, 3);
        multiply!(2, 4, 7); // 0 2
        multiply!(3, 6, 5); // 3 3
    }
}

/// Orders 3 to 5: thirteen products of ten tiles.
///
/// # Safety
/// As [`multiply`], for one step.
#[inline(always)]
unsafe fn high_orders(a: *const i8, b: *const i8) {
    // SAFETY: passed on to the caller.
    unsafe {
        load!(3, a, 0);
        load!(4, b, 3);
        load!(5, b, 4);
        load!(6, a, 1);
        load!(7, b, 2);
        multiply!(0, 3, 4); // 0 3
        multiply!(1, 3, 5); // 0 4
        load!(3, a, 2);
        multiply!(2, 6, 5); // 1 4
        load!(5, b, 1);
        multiply!(1, 6, 4); // 1 3
        multiply!(0, 6, 7); // 1 2
        load!(6, a, 3);
        multiply!(0, 3, 5); // 2 1
        multiply!(1, 3, 7); // 2 2
        multiply!(2, 3, 4); // 2 3
        load!(4, b, 0);
        load!(3, a, 4);
        multiply!(2, 6, 7); // 3 2
        multiply!(1, 6, 5); // 3 1
        multiply!(0, 6, 4); // 3 0
        multiply!(1, 3, 4); // 4 0
        multiply!(2, 3, 5); // 4 1
    }
}
