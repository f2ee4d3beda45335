//! 1x1 convolutions on the tile unit of AMX: sixteen by sixteen sums, thirty-two products each, an
//! instruction.
//!
//! The unit multiplies bf16 and sums in f32. A bf16 network stores each value once. An f32 network
//! stores it as three bf16 parts whose sum is the value itself (8 bits of significand each, 24
//! together) and adds the six products of parts that reach into f32's precision, smallest first:
//!
//! ```text
//! a = a0 + a1 + a2    w = w0 + w1 + w2
//! a w = a0 w2 + a1 w1 + a2 w0 + a0 w1 + a1 w0 + a0 w0    (the rest is below 2^-24 of it)
//! ```
//!
//! Six times the work at sixteen times the rate of AVX-512's multiply-add, with the error of f32
//! (Henry, Tang and Heinecke 2019, arXiv:1904.06376).
//!
//! The layout of operands is that of [`super::parts`].

mod multiply;
mod pooled;
mod product;
mod store;

use std::arch::x86_64::{__m512, _mm512_load_ps};
use std::mem::MaybeUninit;

use pomona_amx::Products;

use super::parts::{SIDE, TILE};
pub(super) use pooled::pooled;
pub(super) use product::product;

/// Whether the processor has the instructions that the kernels of this module use, and the system
/// permits this process to use tiles.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bf16")
        && pomona_amx::is_available(Products::Bf16)
}

/// Sums of two tiles of pixels by two tiles of outputs.
///
/// Not initialised before the tile unit stores to it: 4 KB of zeros a call would be a fiftieth of
/// the time of a bf16 network.
#[repr(C, align(64))]
struct Sums(MaybeUninit<[f32; 4 * TILE]>);

impl Sums {
    fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Where the unit stores one of the four tiles.
    fn tile(&mut self, index: usize) -> *mut f32 {
        debug_assert!(index < 4);
        self.0.as_mut_ptr().cast::<f32>().wrapping_add(index * TILE)
    }

    /// Sixteen columns, those of `tile` 0 or 1, of one of 32 pixels.
    ///
    /// # Safety
    /// The processor has AVX-512F, `row` is below 32 and `tile` below 2, and the unit has stored
    /// that tile.
    #[inline(always)]
    unsafe fn row(&self, row: usize, tile: usize) -> __m512 {
        let place = (row / SIDE * 2 + tile) * TILE + row % SIDE * SIDE;
        // SAFETY: the place is inside the four tiles.
        unsafe { _mm512_load_ps(self.0.as_ptr().cast::<f32>().add(place)) }
    }
}
