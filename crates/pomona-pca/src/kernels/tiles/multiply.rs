//! The innermost loop: sixteen columns times sixteen, over all rows of a block and pairs of digits.

use std::arch::asm;

use super::{DEPTH, ORDERS, ROWS, SIDE, STEP, TILE};

/// Bytes of a row of a tile.
const ROW: usize = 64;

/// Tiles of digits along the rows of a block.
const STEPS: usize = ROWS / DEPTH;
const _: () = assert!(STEPS * 4 == SIDE);

/// The sums of each order of a tile of columns.
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[[i32; SIDE]; SIDE]; ORDERS]);

impl Sums {
    pub(super) fn zeroed() -> Self {
        Self([[[0; SIDE]; SIDE]; ORDERS])
    }
}

/// Loads a tile of digits.
macro_rules! load {
    ($tile:literal, $from:expr, $digit:literal) => {
        asm!(
            concat!("tileloadd tmm", $tile, ", [{from} + {row}*1 + {digit}]"),
            from = in(reg) $from,
            row = in(reg) ROW,
            digit = const $digit * TILE,
            options(nostack, preserves_flags, readonly),
        )
    };
}

/// Adds the product of two tiles to a third.
macro_rules! multiply {
    ($sum:literal, $left:literal, $right:literal) => {
        asm!(
            concat!("tdpbssd tmm", $sum, ", tmm", $left, ", tmm", $right),
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Sets the three tiles of sums to zero.
macro_rules! clear {
    () => {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Writes the three tiles of sums.
macro_rules! store {
    ($to:expr) => {
        asm!(
            "tilestored [{to} + {row}*1], tmm0",
            "tilestored [{to} + {row}*1 + 1024], tmm1",
            "tilestored [{to} + {row}*1 + 2048], tmm2",
            to = in(reg) $to,
            row = in(reg) ROW,
            options(nostack, preserves_flags),
        )
    };
}

/// The sums of the products of two strips, in the left and in the right layout. `beside` is called
/// with each number below [`SIDE`] in order.
///
/// The unit has eight tiles. Three orders at a time leave five for operands, so that a loaded tile
/// serves more than one product: the unit takes one product in 16 cycles, and hardly more than
/// three tiles in the time of four products. Loads stand as early as a tile is free.
///
/// What `beside` does is done by the vector units while the tile unit multiplies, if it is no more
/// than the processor can look ahead: hence a bit of it after each step.
///
/// # Safety
/// The unit is configured, and a strip is readable from each of the pointers.
#[inline(always)]
pub(super) unsafe fn multiply(
    left: *const i8,
    right: *const i8,
    sums: &mut Sums,
    mut beside: impl FnMut(usize),
) {
    let to: *mut [[i32; SIDE]; SIDE] = sums.0.as_mut_ptr();
    // SAFETY: the caller vouches for the strips, and the sums are six tiles.
    unsafe {
        clear!();
        for step in 0..STEPS {
            low_orders(left.add(step * STEP), right.add(step * STEP));
            beside(step);
        }
        store!(to);
        clear!();
        for step in 0..STEPS {
            high_orders(left.add(step * STEP), right.add(step * STEP));
            for part in 0..3 {
                beside(STEPS + 3 * step + part);
            }
        }
        store!(to.add(3));
    }
}

/// Orders 0 to 2: six products of six tiles.
///
/// # Safety
/// As [`multiply`], for one step.
#[inline(always)]
unsafe fn low_orders(a: *const i8, b: *const i8) {
    // SAFETY: passed on to the caller.
    unsafe {
        load!(3, a, 0);
        load!(4, b, 0);
        load!(5, a, 1);
        load!(6, a, 2);
        load!(7, b, 1);
        multiply!(0, 3, 4); // 0 0
        multiply!(1, 5, 4); // 1 0
        multiply!(2, 6, 4); // 2 0
        load!(4, b, 2);
        multiply!(2, 5, 7); // 1 1
        multiply!(1, 3, 7); // 0 1
        multiply!(2, 3, 4); // 0 2
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
