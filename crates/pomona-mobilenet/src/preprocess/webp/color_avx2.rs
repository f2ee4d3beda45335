//! Rows of luma and chroma to RGB with 256-bit vectors, sixteen pixels at a time.

use super::color::{
    BLUE, BLUE_OF_BLUE, GREEN, GREEN_OF_BLUE, GREEN_OF_RED, OF_LUMA, RED, RED_OF_RED, Row, chunk,
    convert,
};
use crate::preprocess::chroma::{CHUNK, NOTHING};
use crate::preprocess::interleave_avx2::interleave;
use std::arch::x86_64::*;

/// As `Row::write`, if the processor has AVX2; says whether it has.
pub(super) fn write(row: &Row<'_>, out: &mut [u8]) -> bool {
    let available = is_x86_feature_detected!("avx2");
    if available {
        // SAFETY: the processor has AVX2.
        unsafe { vectors(row, out) };
    }
    available
}

#[target_feature(enable = "avx2")]
fn vectors(row: &Row<'_>, out: &mut [u8]) {
    let (mut blues, mut reds) = (NOTHING, NOTHING);
    let chunks = row.luma.chunks(CHUNK).zip(out.chunks_mut(CHUNK * 3));
    for (i, (luma, out)) in chunks.enumerate() {
        let blue = chunk(row.blue, i, luma.len(), &mut blues);
        let red = chunk(row.red, i, luma.len(), &mut reds);
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

/// Sixteen pixels. A product of samples in the high byte has the bits that count in its high half. Blue needs all 16 bits, and
/// stops at zero.
#[target_feature(enable = "avx2")]
#[inline]
fn sixteen(luma: &[u8; 16], blue: &[u8; 16], red: &[u8; 16], out: &mut [u8; 48]) {
    let high = |samples: &[u8; 16]| {
        // SAFETY: the array is one vector of 128 bits.
        let samples = unsafe { _mm_loadu_si128(samples.as_ptr().cast()) };
        _mm256_slli_epi16::<8>(_mm256_cvtepu8_epi16(samples))
    };
    let (luma, blue, red) = (high(luma), high(blue), high(red));
    let product =
        |samples, factor: u16| _mm256_mulhi_epu16(samples, _mm256_set1_epi16(factor as i16));
    let luma = product(luma, OF_LUMA);
    let r = _mm256_add_epi16(
        _mm256_add_epi16(luma, _mm256_set1_epi16(RED)),
        product(red, RED_OF_RED),
    );
    let g = _mm256_sub_epi16(
        _mm256_add_epi16(luma, _mm256_set1_epi16(GREEN)),
        _mm256_add_epi16(product(blue, GREEN_OF_BLUE), product(red, GREEN_OF_RED)),
    );
    let b = _mm256_subs_epu16(
        _mm256_adds_epu16(product(blue, BLUE_OF_BLUE), luma),
        _mm256_set1_epi16(-BLUE),
    );
    interleave(
        _mm256_srai_epi16::<6>(r),
        _mm256_srai_epi16::<6>(g),
        _mm256_srli_epi16::<6>(b),
        out,
    );
}
