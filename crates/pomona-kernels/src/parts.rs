//! Operands in bf16 parts: their layout, the packing of weights, and the checks.
//!
//! A plane holds 32 channels of bf16, 64 bytes a pixel as the f32 planes of 16, so that a plane of
//! either kind has the same geometry:
//!
//! ```text
//! [part][channel / 32][pixel][32]
//! ```

use super::BLOCK;
use super::packing::padded;
use super::product::{Product, Start};

/// Pixels, and outputs, of a tile.
pub(super) const SIDE: usize = 16;
/// Channels a plane of parts.
pub(super) const DEPTH: usize = 32;
/// Floats in memory of a tile of weights or sums.
pub(super) const TILE: usize = SIDE * SIDE;

/// Planes of 32 channels that a product reads of each part.
pub(super) fn units(depth: usize) -> usize {
    depth.div_ceil(DEPTH)
}

/// Packs `columns` outputs of `depth` weights each:
/// `[column / 16][channel / 32][part][channel pair][column][2]`, two bf16 in the bits of an f32.
pub(super) fn pack(
    parts: usize,
    columns: usize,
    depth: usize,
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let mut packed = Vec::new();
    for first in (0..padded(columns)).step_by(SIDE) {
        for channel in (0..depth).step_by(DEPTH) {
            for part in 0..parts {
                for pair in 0..SIDE {
                    for column in first..first + SIDE {
                        let half = |channel: usize| {
                            if column < columns && channel < depth {
                                split(weight(column, channel))[part]
                            } else {
                                0
                            }
                        };
                        let low = u32::from(half(channel + 2 * pair));
                        let high = u32::from(half(channel + 2 * pair + 1));
                        packed.push(f32::from_bits(high << 16 | low));
                    }
                }
            }
        }
    }
    packed
}

/// The three bf16 nearest to a value, to the rest, and to the rest of that.
fn split(value: f32) -> [u16; 3] {
    let mut rest = value;
    [(); 3].map(|()| {
        let half = nearest(rest);
        rest -= f32::from_bits(u32::from(half) << 16);
        half
    })
}

/// The bf16 nearest to a finite value, ties to even.
#[inline(always)]
pub(super) fn nearest(value: f32) -> u16 {
    let bits = value.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The place of a plane of sixteen channels among planes of 32 channels in parts.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// The plane's first pixel in the first part.
    pub to: *mut f32,
    /// Floats from one part to the next.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only tiles have more than one part")
    )]
    pub stride: usize,
    /// Whether the upper half of the plane has no channels and must be zero.
    pub clear: bool,
}

impl Parts {
    /// The place of `plane` of `planes` planes of sixteen channels, from the first part's first
    /// pixel on, planes of parts being `stride` floats apart.
    ///
    /// # Safety
    /// `to` is valid for [`Parts::reach`].
    pub(crate) unsafe fn new(to: *mut f32, stride: usize, plane: usize, planes: usize) -> Self {
        let upper = plane % 2;
        // SAFETY: passed on to the caller.
        let to = unsafe { to.add(plane / 2 * stride + upper * BLOCK / 2) };
        Self {
            to,
            stride: planes.div_ceil(2) * stride,
            clear: upper == 0 && plane + 1 == planes,
        }
    }

    /// Floats from the first part's first pixel to beyond the last part's last of `pixels`.
    pub(crate) fn reach(parts: usize, stride: usize, planes: usize, pixels: usize) -> usize {
        (parts * planes.div_ceil(2) - 1) * stride + pixels * BLOCK
    }
}

/// Checks that every access of a product in parts will be inside its slice.
///
/// Blocks have up to thirty-two pixels: the input must be readable, though not meaningful, up to a
/// multiple of thirty-two pixels.
pub(super) fn check(task: &Product<'_>, parts: usize) {
    assert!(task.pixels > 0 && parts > 0);
    check_operands(task, parts, task.pixels);
    let last = match task.places {
        None => (task.pixels - 1) * BLOCK,
        Some(places) => {
            assert!(task.pixels <= places.count());
            places.furthest()
        }
    };
    let planes = task.columns / BLOCK;
    let reach = (planes - 1) * task.output_plane + last + BLOCK;
    assert!(reach <= task.output.len());
    // The kernels have these two uses only: expansions, and projections.
    assert!(task.relu6 == task.places.is_some() && !(task.out_parts && task.relu6));
    if task.out_parts {
        let reach = Parts::reach(parts, task.output_plane, planes, task.pixels);
        assert!(planes * task.output_plane + reach <= task.output.len());
    }
    match task.start {
        Start::Bias => {}
        Start::Residual(residual) => assert!(task.places.is_none() && reach <= residual.len()),
        Start::Output => panic!("sums over some channels only are not kept in parts"),
    }
}

/// Checks that every access of a pooled product in parts will be inside its slice.
pub(super) fn check_pooled(task: &Product<'_>, images: usize, parts: usize) {
    assert!(parts > 0 && images > 0 && task.pixels > 0 && task.output_plane >= task.columns);
    check_operands(task, parts, task.pixels * images);
    assert!(task.output.len() >= (images - 1) * task.output_plane + task.columns);
}

/// The part of the checks that concerns what is read.
fn check_operands(task: &Product<'_>, parts: usize, pixels: usize) {
    let units = units(task.depth);
    let rows = pixels.next_multiple_of(2 * SIDE);
    assert!(units > 0 && (parts * units - 1) * task.input_plane + rows * BLOCK <= task.input.len());
    assert!(task.columns > 0 && task.columns.is_multiple_of(SIDE));
    assert!(task.weights.len() >= task.columns / SIDE * units * parts * TILE);
    assert!(task.bias.len() >= task.columns);
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn three_parts_are_the_value() {
        for value in [
            1.0,
            -0.333_333_34,
            1e-3,
            5.999_999_5,
            123_456.79,
            -1.175e-20,
        ] {
            let parts = split(value).map(|part| f32::from_bits(u32::from(part) << 16));
            assert_eq!(parts[0] + (parts[1] + parts[2]), value);
        }
    }
}
