//! The tile unit (AMX) of x86-64 processors: whether it may be used, and its shape.
//!
//! The kernels that multiply tiles are in the crates that need them. What they share is here: the
//! permission that a process must request from Linux, the one configuration that all kernels use,
//! eight tiles of sixteen rows of 64 bytes, and the instructions ([`load!`], [`multiply_int8!`],
//! [`multiply_bf16!`], [`clear!`], [`store!`]), which are unsafe: the unit is configured, and the memory of a
//! tile is readable or writable. On other processors the crate is empty.

#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "system calls and tile instructions")]

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

/// Number of `arch_prctl` on x86-64 Linux.
const ARCH_PRCTL: usize = 158;
/// `ARCH_REQ_XCOMP_PERM`: ask for a large register state.
const REQUEST: usize = 0x1023;
/// `XFEATURE_XTILEDATA`.
const TILE_DATA: usize = 18;

/// The bit of AMX-TILE in EDX of CPUID's leaf 7.
const TILES: u32 = 1 << 24;

/// What a kernel multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Products {
    /// Pairs of bf16, added up in f32 (AMX-BF16).
    Bf16,
    /// Fours of 8-bit integers, added up in 32-bit integers (AMX-INT8).
    Int8,
}

impl Products {
    /// The bit in EDX of CPUID's leaf 7.
    fn bit(self) -> u32 {
        match self {
            Self::Bf16 => 1 << 22,
            Self::Int8 => 1 << 25,
        }
    }
}

/// Whether the processor has these instructions, and the system permits this process to use them.
///
/// The first call requests permission: Linux requires that before a process may use the 8 KB of tile
/// registers (`Documentation/arch/x86/xstate.rst`). Always false on other systems and under Miri.
pub fn is_available(products: Products) -> bool {
    // The unit's features; 0 where the system denies its use.
    static PERMITTED: OnceLock<u32> = OnceLock::new();
    let permitted = *PERMITTED.get_or_init(|| match features() {
        features if features & TILES != 0 && request() => features,
        _ => 0,
    });
    permitted & products.bit() != 0
}

/// EDX of CPUID's leaf 7; no bits where there is no such leaf.
fn features() -> u32 {
    match __cpuid(0).eax {
        highest if highest >= 7 => __cpuid_count(7, 0).edx,
        _ => 0,
    }
}

fn request() -> bool {
    if cfg!(any(not(target_os = "linux"), miri)) {
        return false;
    }
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that changes only what this process may use.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") REQUEST,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// The layout that `ldtilecfg` reads.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Loads a tile, a number from 0 to 7: sixteen rows of 64 bytes, the first at the pointer plus an offset in
/// bytes, each `$stride` bytes after the one before it.
#[macro_export]
macro_rules! load {
    ($tile:literal, $from:expr, $stride:expr, $offset:expr) => {
        ::std::arch::asm!(
            concat!("tileloadd tmm", $tile, ", [{from} + {stride}*1 + {offset}]"),
            from = in(reg) $from,
            stride = in(reg) $stride,
            offset = const $offset,
            options(nostack, preserves_flags, readonly),
        )
    };
}

/// Adds the products of two tiles of signed 8-bit integers to a tile of 32-bit integers.
#[macro_export]
macro_rules! multiply_int8 {
    ($sum:literal, $left:literal, $right:literal) => {
        ::std::arch::asm!(
            concat!("tdpbssd tmm", $sum, ", tmm", $left, ", tmm", $right),
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Adds the products of two tiles of bf16 to a tile of f32.
#[macro_export]
macro_rules! multiply_bf16 {
    ($sum:literal, $left:literal, $right:literal) => {
        ::std::arch::asm!(
            concat!("tdpbf16ps tmm", $sum, ", tmm", $left, ", tmm", $right),
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Sets tiles to zero.
#[macro_export]
macro_rules! clear {
    ($($tile:literal),*) => {
        ::std::arch::asm!(
            $(concat!("tilezero tmm", $tile),)*
            options(nostack, preserves_flags, nomem),
        )
    };
}

/// Writes a tile to sixteen rows of 64 bytes, one after the other.
#[macro_export]
macro_rules! store {
    ($tile:literal, $to:expr) => {
        ::std::arch::asm!(
            concat!("tilestored [{to} + {row}*1], tmm", $tile),
            to = in(reg) $to,
            row = in(reg) 64_usize,
            options(nostack, preserves_flags),
        )
    };
}

/// Configures all eight tiles with sixteen rows of 64 bytes, on this thread.
///
/// # Safety
/// [`is_available`] is true.
#[inline]
pub unsafe fn configure() {
    let mut shape = Shape {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    shape.row_bytes[..8].fill(64);
    shape.rows[..8].fill(16);
    // SAFETY: the unit is there, and reads 64 bytes.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const shape, options(nostack, preserves_flags, readonly));
    }
}

/// Releases the tiles, so that the system need not save them at the next context switch.
///
/// # Safety
/// [`is_available`] is true.
#[inline]
pub unsafe fn release() {
    // SAFETY: the unit is there.
    unsafe {
        asm!("tilerelease", options(nostack, preserves_flags, nomem));
    }
}

#[cfg(test)]
mod tests {
    use super::{Products, configure, is_available, release};

    #[test]
    fn a_unit_that_is_available_takes_its_shape() {
        if is_available(Products::Int8) || is_available(Products::Bf16) {
            // SAFETY: the unit is there.
            unsafe {
                configure();
                release();
            }
        } else {
            eprintln!("skipped: no tile unit, or no permission to use it");
        }
    }
}
