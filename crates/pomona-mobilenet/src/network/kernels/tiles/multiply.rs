//! The innermost loop: two tiles of pixels by two of outputs, over all channels and parts.

use std::arch::asm;

use super::super::BLOCK;
use super::super::product::Product;
use super::{DEPTH, SIDE, Sums, TILE};

/// Bytes a row of every tile, and between the pixels of a plane.
const ROW: usize = 64;

/// Planes of 32 channels that a product reads of each part.
pub(super) fn units(depth: usize) -> usize {
    depth.div_ceil(DEPTH)
}

/// Sums of pixels `pixel..pixel + 32` and columns `column..column + 32`, bias included, in the
/// first four tiles: pixels 0 to 15 by columns 0 to 15, by columns 16 to 31, then pixels 16 to 31.
///
/// # Safety
/// The tile unit is configured, `PARTS` is 1 or 3, and the input, weights and bias reach as far as
/// [`super::product::check`] demands for that many pixels and columns.
#[inline(always)]
pub(super) unsafe fn wide<const PARTS: usize>(task: &Product<'_>, column: usize, pixel: usize) {
    let units = units(task.depth);
    // SAFETY: the caller vouches for the ranges; the assembly only reads.
    unsafe {
        let pixels = task.input.as_ptr().add(pixel * BLOCK);
        let panel = units * PARTS * TILE;
        let weights = task.weights.as_ptr().add(column / SIDE * panel);
        let bias = task.bias.as_ptr().add(column);
        asm!(
            "tileloadd tmm0, [{bias} + {zero}*1]",
            "tileloadd tmm1, [{bias} + {zero}*1 + 64]",
            "tileloadd tmm2, [{bias} + {zero}*1]",
            "tileloadd tmm3, [{bias} + {zero}*1 + 64]",
            bias = in(reg) bias,
            zero = in(reg) 0_usize,
            options(nostack, preserves_flags, readonly),
        );
        if PARTS == 1 {
            asm!(
                "2:",
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{w} + {row}*1]",
                "tileloadd tmm7, [{v} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {a}, {plane}",
                "add {w}, 1024",
                "add {v}, 1024",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {units}",
                "jnz 2b",
                a = inout(reg) pixels => _,
                w = inout(reg) weights => _,
                v = inout(reg) weights.add(panel) => _,
                row = in(reg) ROW,
                plane = in(reg) task.input_plane * size_of::<f32>(),
                units = inout(reg) units => _,
                options(nostack, readonly),
            );
        } else {
            let part = units * task.input_plane;
            // In the order of the sum in the module's documentation but for a0 w0, which waits
            // for its operands to be loaded again: a0 w2, a0 w1, a1 w1, a1 w0, a2 w0, a0 w0.
            asm!(
                "2:",
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{w} + {row}*1 + 2048]",
                "tileloadd tmm7, [{v} + {row}*1 + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm6, [{w} + {row}*1 + 1024]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm7, [{v} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm4, [{b} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm5, [{b} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm6, [{w} + {row}*1]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm7, [{v} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm4, [{c} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm5, [{c} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm4, [{a} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "add {a}, {plane}",
                "add {b}, {plane}",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {c}, {plane}",
                "add {w}, 3072",
                "add {v}, 3072",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {units}",
                "jnz 2b",
                a = inout(reg) pixels => _,
                b = inout(reg) pixels.add(part) => _,
                c = inout(reg) pixels.add(2 * part) => _,
                w = inout(reg) weights => _,
                v = inout(reg) weights.add(panel) => _,
                row = in(reg) ROW,
                plane = in(reg) task.input_plane * size_of::<f32>(),
                units = inout(reg) units => _,
                options(nostack, readonly),
            );
        }
    }
}

/// Writes the first four tiles to `sums`.
///
/// # Safety
/// The tile unit is configured.
#[inline(always)]
pub(super) unsafe fn store(sums: &mut Sums) {
    // SAFETY: four tiles of 1024 bytes are what `sums` holds.
    unsafe {
        asm!(
            "tilestored [{to} + {row}*1], tmm0",
            "tilestored [{to} + {row}*1 + 1024], tmm1",
            "tilestored [{to} + {row}*1 + 2048], tmm2",
            "tilestored [{to} + {row}*1 + 3072], tmm3",
            to = in(reg) sums,
            row = in(reg) ROW,
            options(nostack, preserves_flags),
        );
    }
}

/// As [`wide`] for one tile of pixels or one of outputs: `pixel..pixel + 16` by
/// `column..column + 16`, to the first tile of `sums`.
///
/// # Safety
/// As [`wide`].
#[inline(always)]
pub(super) unsafe fn narrow<const PARTS: usize>(
    task: &Product<'_>,
    sums: &mut [f32; TILE],
    column: usize,
    pixel: usize,
) {
    let units = units(task.depth);
    // SAFETY: the caller vouches for the ranges; the assembly reads them and writes `sums`.
    unsafe {
        let pixels = task.input.as_ptr().add(pixel * BLOCK);
        let weights = task
            .weights
            .as_ptr()
            .add(column / SIDE * units * PARTS * TILE);
        asm!(
            "tileloadd tmm0, [{bias} + {zero}*1]",
            bias = in(reg) task.bias.as_ptr().add(column),
            zero = in(reg) 0_usize,
            options(nostack, preserves_flags, readonly),
        );
        for unit in 0..units {
            for sum in (0..PARTS).rev() {
                for part in 0..=sum {
                    let plane = (part * units + unit) * task.input_plane;
                    let tile = (unit * PARTS + sum - part) * TILE;
                    asm!(
                        "tileloadd tmm4, [{a} + {row}*1]",
                        "tileloadd tmm6, [{w} + {row}*1]",
                        "tdpbf16ps tmm0, tmm4, tmm6",
                        a = in(reg) pixels.add(plane),
                        w = in(reg) weights.add(tile),
                        row = in(reg) ROW,
                        options(nostack, preserves_flags, readonly),
                    );
                }
            }
        }
        asm!(
            "tilestored [{to} + {row}*1], tmm0",
            to = in(reg) sums,
            row = in(reg) ROW,
            options(nostack, preserves_flags),
        );
    }
}
