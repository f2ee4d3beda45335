//! Values as bf16 parts: packing weights, and storing activations.

use std::arch::x86_64::*;

use super::super::BLOCK;
use super::super::packing::padded;
use super::{DEPTH, SIDE};

/// Packs `columns` outputs of `depth` weights each:
/// `[column / 16][channel / 32][part][channel pair][column][2]`, two bf16 in the bits of an f32.
pub(in super::super) fn pack(
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
        let bits = rest.to_bits();
        // Round to nearest, ties to even.
        let rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
        rest -= f32::from_bits(rounded);
        (rounded >> 16) as u16
    })
}

/// Where the upper halves of sixteen f32 are among thirty-two words; the rest is not used.
const UPPER_WORDS: [u16; 32] = [
    1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19,
    21, 23, 25, 27, 29, 31,
];

/// Where a plane of sixteen channels goes among planes of 32 channels in parts.
#[derive(Clone, Copy)]
pub(in super::super) struct Parts {
    /// The plane's first pixel in the first part.
    to: *mut f32,
    /// Floats from one part to the next.
    stride: usize,
    /// Whether the upper half of the plane is no channel's and must be zero.
    clear: bool,
}

impl Parts {
    /// The place of `plane` of `planes` planes of sixteen channels, from the first part's first
    /// pixel on, planes of parts being `stride` floats apart.
    ///
    /// # Safety
    /// `to` is valid for [`Parts::reach`].
    pub unsafe fn new(to: *mut f32, stride: usize, plane: usize, planes: usize) -> Self {
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
    pub fn reach(parts: usize, stride: usize, planes: usize, pixels: usize) -> usize {
        (parts * planes.div_ceil(2) - 1) * stride + pixels * BLOCK
    }

    /// Stores sixteen channels of a pixel in `PARTS` parts.
    ///
    /// One part is rounded to nearest. Three are truncated, which is cheaper and just as exact
    /// since the last takes what is left; the weights' parts are rounded, so that the products
    /// left out have either sign.
    ///
    /// # Safety
    /// The processor has AVX-512F, BW and BF16, and the pixel is inside the reach.
    #[inline(always)]
    pub unsafe fn store<const PARTS: usize>(self, pixel: usize, value: __m512) {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut to = self.to.add(pixel * BLOCK).cast::<__m256i>();
            if PARTS == 1 {
                let half: __m256bh = _mm512_cvtneps_pbh(value);
                self.put(to, std::mem::transmute::<__m256bh, __m256i>(half));
                return;
            }
            let upper_words = _mm512_loadu_si512(UPPER_WORDS.as_ptr().cast());
            let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let mut rest = value;
            for part in 0..PARTS {
                let bits = _mm512_castps_si512(rest);
                let words = _mm512_permutexvar_epi16(upper_words, bits);
                self.put(to, _mm512_castsi512_si256(words));
                if part + 1 < PARTS {
                    let taken = _mm512_castsi512_ps(_mm512_and_si512(bits, mask));
                    rest = _mm512_sub_ps(rest, taken);
                    to = to.cast::<f32>().add(self.stride).cast();
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn put(self, to: *mut __m256i, half: __m256i) {
        // SAFETY: passed on to the caller; a pixel has two halves.
        unsafe {
            _mm256_storeu_si256(to, half);
            if self.clear {
                _mm256_storeu_si256(to.add(1), _mm256_setzero_si256());
            }
        }
    }
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
