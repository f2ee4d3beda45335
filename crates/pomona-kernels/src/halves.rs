//! Products of operands in one bf16 part, on vectors: VDPBF16PS where the processor has it, and an
//! emulation of it elsewhere.
//!
//! The product of two bf16 is exact in f32, so that multiplying and adding rounds once with and
//! without a fused instruction: every implementation here has the same bits, but for products
//! below f32's normal numbers, which VDPBF16PS treats as zero.

use super::BLOCK;
use super::depthwise::Sink;
use super::parts::{Parts, SIDE, TILE, nearest, units};
use super::product::{Operand, Product};
use super::tile::{Tile, unroll};
#[cfg(target_arch = "x86_64")]
use super::vector::{Avx2, Avx512, Avx512Bf16};
use super::vector::{Portable, Vector};

/// Vectors that multiply pairs of bf16 and add both products to sums of f32.
pub(super) trait Pairs: Vector {
    /// Adds the products of a pair of channels: of the odd channel, then of the even one.
    ///
    /// # Safety
    /// As [`Vector`]; `pixels` is valid for a pair at every [`BLOCK`] of `ROWS` pixels, and each
    /// of `weights` for `LANES` pairs.
    #[inline(always)]
    unsafe fn step<const ROWS: usize, const VECTORS: usize>(
        tile: &mut Tile<Self, ROWS, VECTORS>,
        pixels: *const f32,
        weights: [*const f32; VECTORS],
    ) {
        // SAFETY: passed on to the caller; a vector has at most sixteen lanes.
        unsafe {
            for odd in [true, false] {
                let half = |pair: f32| {
                    let bits = pair.to_bits();
                    f32::from_bits(if odd { bits & 0xffff_0000 } else { bits << 16 })
                };
                let mut loaded = [Self::splat(0.0); VECTORS];
                unroll!(vector < VECTORS => {
                    let mut values = [0.0; BLOCK];
                    for (lane, value) in values[..Self::LANES].iter_mut().enumerate() {
                        *value = half(*weights[vector].add(lane));
                    }
                    loaded[vector] = Self::load(values.as_ptr());
                });
                unroll!(row < ROWS => {
                    let value = Self::splat(half(*pixels.add(row * BLOCK)));
                    unroll!(vector < VECTORS => {
                        tile[row][vector] = value.mul_add(loaded[vector], tile[row][vector]);
                    });
                });
            }
        }
    }

    /// Stores each lane as the nearest bf16.
    ///
    /// # Safety
    /// As [`Vector`]; `to` is valid for `LANES` values.
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: passed on to the caller; a vector has at most sixteen lanes.
        unsafe {
            let mut values = [0.0; BLOCK];
            self.store(values.as_mut_ptr());
            for (lane, value) in values[..Self::LANES].iter().enumerate() {
                *to.add(lane) = nearest(*value);
            }
        }
    }
}

impl Pairs for Portable {}
#[cfg(target_arch = "x86_64")]
impl Pairs for Avx2 {}
#[cfg(target_arch = "x86_64")]
impl Pairs for Avx512 {}

#[cfg(target_arch = "x86_64")]
impl Pairs for Avx512Bf16 {
    #[inline(always)]
    unsafe fn step<const ROWS: usize, const VECTORS: usize>(
        tile: &mut Tile<Self, ROWS, VECTORS>,
        pixels: *const f32,
        weights: [*const f32; VECTORS],
    ) {
        // SAFETY: passed on to the caller.
        unsafe { Self::dot_step(tile, pixels, weights) }
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: passed on to the caller.
        unsafe { self.store_nearest(to) }
    }
}

/// The operands of [`super::product`] in one bf16 part.
pub(super) struct Bf16;

impl<V: Pairs> Operand<V> for Bf16 {
    #[inline(always)]
    unsafe fn multiply<const ROWS: usize, const VECTORS: usize>(
        task: &Product<'_>,
        tile: &mut Tile<V, ROWS, VECTORS>,
        column: usize,
        pixel: usize,
    ) {
        let units = units(task.depth);
        // SAFETY: `parts::check` has compared planes, pixels and weights with the slices.
        unsafe {
            let mut weights = [task.weights.as_ptr(); VECTORS];
            unroll!(vector < VECTORS => {
                let column = column + vector * V::LANES;
                let block = column / SIDE * units * TILE;
                weights[vector] = weights[vector].add(block + column % SIDE);
            });
            let mut pixels = task.input.as_ptr().add(pixel * BLOCK);
            for _ in 0..units {
                for pair in 0..SIDE {
                    let mut weights = weights;
                    unroll!(vector < VECTORS => {
                        weights[vector] = weights[vector].add(pair * SIDE);
                    });
                    V::step(tile, pixels.add(pair), weights);
                }
                unroll!(vector < VECTORS => {
                    weights[vector] = weights[vector].wrapping_add(TILE);
                });
                pixels = pixels.wrapping_add(task.input_plane);
            }
        }
    }

    #[inline(always)]
    unsafe fn store_parts(task: &mut Product<'_>, column: usize, pixel: usize, value: V) {
        let (stride, planes) = (task.output_plane, task.columns / BLOCK);
        // SAFETY: `parts::check` has compared the reach of the parts with the output.
        unsafe {
            let parts = task.output.as_mut_ptr().add(planes * stride);
            let parts = Parts::new(parts, stride, column / BLOCK, planes);
            Halves(parts).store(pixel, column % BLOCK, value);
        }
    }
}

/// Stores values as one bf16 part.
#[derive(Clone, Copy)]
pub(super) struct Halves(pub Parts);

impl<V: Pairs> Sink<V> for Halves {
    #[inline(always)]
    unsafe fn store(self, pixel: usize, lane: usize, value: V) {
        // SAFETY: passed on to the caller; a pixel has two halves of sixteen.
        unsafe {
            let to = self.0.to.add(pixel * BLOCK).cast::<u16>().add(lane);
            value.store_bf16(to);
            if self.0.clear {
                V::splat(0.0).store_bf16(to.add(BLOCK));
            }
        }
    }
}
