//! Rows of luma and chroma to RGB with 256-bit vectors, sixteen pixels at a time.

use super::color::{Chroma, convert};
use crate::preprocess::chroma::{CHUNK, NOTHING};
use crate::preprocess::interleave_avx2::interleave;
use std::arch::x86_64::*;

/// As `color::row`, if the processor has AVX2; says whether it has.
pub(super) fn row(luma: &[u8], chroma: [Chroma<'_>; 2], out: &mut [u8]) -> bool {
    let available = is_x86_feature_detected!("avx2");
    if available {
        // SAFETY: the processor has AVX2.
        unsafe { vectors(luma, chroma, out) };
    }
    available
}

#[target_feature(enable = "avx2")]
fn vectors(luma: &[u8], [blue, red]: [Chroma<'_>; 2], out: &mut [u8]) {
    let (mut blues, mut reds) = (NOTHING, NOTHING);
    let chunks = luma.chunks(CHUNK).zip(out.chunks_mut(CHUNK * 3));
    for (i, (luma, out)) in chunks.enumerate() {
        let blue = blue.chunk(i, luma.len(), &mut blues);
        let red = red.chunk(i, luma.len(), &mut reds);
        let (luma, luma_rest) = luma.as_chunks::<16>();
        let (blue, blue_rest) = blue.as_chunks::<16>();
        let (red, red_rest) = red.as_chunks::<16>();
        let (pixels, rest) = out.split_at_mut(luma.len() * 48);
        let pixels = pixels.as_chunks_mut::<48>().0;
        for (((out, luma), blue), red) in pixels.iter_mut().zip(luma).zip(blue).zip(red) {
            sixteen(luma, blue, red, out);
        }
        convert(luma_rest, blue_rest, red_rest, rest);
    }
}

/// Sixteen pixels. Each factor is cut into a whole number and a rest that 16 bits hold; a product with the rest is the high
/// half of a product with twice the chroma, halved, which rounds as the sum in 32 bits does.
#[target_feature(enable = "avx2")]
#[inline]
fn sixteen(luma: &[u8; 16], blue: &[u8; 16], red: &[u8; 16], out: &mut [u8; 48]) {
    /// 1.402 - 1, 1.772 - 2, 1 - 0.71414 and -0.34414, times 2^16.
    const RED_OF_RED: i16 = 26_345;
    const BLUE_OF_BLUE: i16 = -14_942;
    const GREEN_OF_RED: i32 = 18_734;
    const GREEN_OF_BLUE: i32 = -22_554;

    // SAFETY: the arrays are one vector of 128 bits each.
    let (luma, blue, red) = unsafe {
        (
            _mm256_cvtepu8_epi16(_mm_loadu_si128(luma.as_ptr().cast())),
            _mm256_cvtepu8_epi16(_mm_loadu_si128(blue.as_ptr().cast())),
            _mm256_cvtepu8_epi16(_mm_loadu_si128(red.as_ptr().cast())),
        )
    };
    let middle = _mm256_set1_epi16(128);
    let (blue, red) = (
        _mm256_sub_epi16(blue, middle),
        _mm256_sub_epi16(red, middle),
    );
    let one = _mm256_set1_epi16(1);
    let rest = |chroma, factor| {
        let high = _mm256_mulhi_epi16(_mm256_add_epi16(chroma, chroma), _mm256_set1_epi16(factor));
        _mm256_srai_epi16::<1>(_mm256_add_epi16(high, one))
    };
    let r = _mm256_add_epi16(_mm256_add_epi16(luma, red), rest(red, RED_OF_RED));
    let b = _mm256_add_epi16(
        _mm256_add_epi16(luma, _mm256_add_epi16(blue, blue)),
        rest(blue, BLUE_OF_BLUE),
    );
    let factors = _mm256_set1_epi32((GREEN_OF_BLUE & 0xffff) | (GREEN_OF_RED << 16));
    let half = _mm256_set1_epi32(1 << 15);
    let part = |pairs| {
        let sum = _mm256_add_epi32(_mm256_madd_epi16(pairs, factors), half);
        _mm256_srai_epi32::<16>(sum)
    };
    let green = _mm256_packs_epi32(
        part(_mm256_unpacklo_epi16(blue, red)),
        part(_mm256_unpackhi_epi16(blue, red)),
    );
    let g = _mm256_add_epi16(_mm256_sub_epi16(luma, red), green);
    interleave(r, g, b, out);
}
