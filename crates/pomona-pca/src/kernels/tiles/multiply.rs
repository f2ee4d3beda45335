//! The innermost loop: sixteen columns times sixteen, over all rows of a block and pairs of digits.

use std::arch::asm;

use super::{DEPTH, ORDERS, ROWS, SIDE, STEP, TILE};

/// Bytes of a row of a tile.
const ROW: usize = 64;

/// Tiles of digits along the rows of a block.
const STEPS: usize = ROWS / DEPTH;
/// Parts of what is done beside a step.
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

/// Sets tiles of sums to zero.
macro_rules! clear {
    ($($tile:literal),*) => {
        asm!(
            $(concat!("tilezero tmm", $tile),)*
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Writes a tile of sums.
macro_rules! store {
    ($tile:literal, $to:expr) => {
        asm!(
            concat!("tilestored [{to} + {row}*1], tmm", $tile),
            to = in(reg) $to,
            row = in(reg) ROW,
            options(nostack, preserves_flags),
        )
    };
}

/// The sums of the products of two strips, in the left and in the right layout. `beside` is called
/// with each number below [`SIDE`] in order, before the first sum is written.
///
/// The unit has eight tiles. Three or four orders at a time leave some for operands, so that a loaded
/// tile serves more than one product: the unit takes one product in 16 cycles, and hardly more than
/// three tiles in the time of four products. Loads stand as early as a tile is free.
///
/// What `beside` does is done by the vector units while the tile unit multiplies, if it is no more
/// than the processor can look ahead: hence a bit of it after each step.
///
/// # Safety
/// The unit is configured, a strip is readable from each of the pointers, and `sums` is writable.
#[inline(always)]
pub(super) unsafe fn multiply(
    left: *const i8,
    right: *const i8,
    sums: *mut Sums,
    mut beside: impl FnMut(usize),
) {
    let to: *mut [[i32; SIDE]; SIDE] = sums.cast();
    // SAFETY: the caller vouches for the strips, and the sums are seven tiles.
    unsafe {
        clear!(0, 1, 2, 3);
        for step in 0..STEPS {
            low_orders(left.add(step * STEP), right.add(step * STEP));
            for part in 0..PARTS {
                beside(PARTS * step + part);
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

/// Orders 0 to 2, and what there is of order 6: seven products of eight tiles.
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
