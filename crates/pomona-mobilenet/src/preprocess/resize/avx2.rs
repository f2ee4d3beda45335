//! The passes with 256-bit vectors: coefficients in two digits of 11 bits, sums by `vpmaddwd`.

use super::portable;
use super::taps::{GROUP, HALF, PRECISION, Taps};
use std::arch::x86_64::*;

/// Bits of the low digit; the high one keeps the sign.
const LOW: i32 = 11;

/// High digits of taps 0 and 1, of 2 and 3, then the low digits in the same order.
pub(super) fn digits(coefficients: [i32; GROUP]) -> [u32; 4] {
    let pair = |a: i32, b: i32| (a as u32 & 0xffff) | (b as u32) << 16;
    let [a, b, c, d] = coefficients.map(|c| c >> LOW);
    let [e, f, g, h] = coefficients.map(|c| c & ((1 << LOW) - 1));
    [pair(a, b), pair(c, d), pair(e, f), pair(g, h)]
}

/// One row of the horizontal pass, eight pixels at a time.
///
/// # Safety
/// The processor has AVX2, and `pixels` reaches 16 bytes behind the last tap of every output.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn row(pixels: &[u8], taps: &Taps, out: &mut [u8]) {
    for (block, out) in out.chunks_mut(24).enumerate() {
        let first = block * 8;
        // Pixel i sits beside pixel i + 4, so that packing leaves them in order.
        let sums: [__m256i; 4] = std::array::from_fn(|i| {
            // SAFETY: outputs are filled to a multiple of 16, and the caller vouches for `pixels`.
            unsafe { two_pixels(pixels, taps, first + i) }
        });
        let packed = pack(sums);
        // RGBx to RGB in each half.
        let order = _mm256_setr_epi8(
            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, //
            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
        );
        let packed = _mm256_shuffle_epi8(packed, order);
        let mut bytes = [0u8; 28];
        // SAFETY: 12 + 16 bytes are 28.
        unsafe {
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm256_castsi256_si128(packed));
            _mm_storeu_si128(
                bytes.as_mut_ptr().add(12).cast(),
                _mm256_extracti128_si256::<1>(packed),
            );
        }
        if let Some(out) = out.first_chunk_mut::<24>() {
            out.copy_from_slice(&bytes[..24]);
        } else {
            out.copy_from_slice(&bytes[..out.len()]);
        }
    }
}

/// The sums of outputs `i` (low half) and `i + 4` (high half): red, green, blue and nothing.
///
/// # Safety
/// As for [`row`], and `i + 4` is below `taps.filled()`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn two_pixels(pixels: &[u8], taps: &Taps, i: usize) -> __m256i {
    let zero = _mm256_setzero_si256();
    let (mut high, mut low) = (zero, _mm256_set1_epi32(HALF));
    // Four RGB pixels to pairs of 16-bit values a color: the first two, then the others.
    let front = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
    );
    let back = _mm256_setr_epi8(
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    for group in 0..taps.groups {
        let at = |output: usize| (taps.starts[output] + group * GROUP) * 3;
        let (left, right) = (at(i), at(i + 4));
        debug_assert!(left.max(right) + 16 <= pixels.len());
        let digits = group * taps.filled() + i;
        debug_assert!(digits + 4 < taps.digits.len());
        // SAFETY: the caller vouches for 16 bytes behind the last tap; both outputs have digits.
        let (values, digits) = unsafe {
            (
                _mm256_loadu2_m128i(
                    pixels.as_ptr().add(right).cast(),
                    pixels.as_ptr().add(left).cast(),
                ),
                _mm256_loadu2_m128i(
                    taps.digits.as_ptr().add(digits + 4).cast(),
                    taps.digits.as_ptr().add(digits).cast(),
                ),
            )
        };
        let (front, back) = (
            _mm256_shuffle_epi8(values, front),
            _mm256_shuffle_epi8(values, back),
        );
        let [h01, h23, l01, l23] = [
            _mm256_shuffle_epi32::<0x00>(digits),
            _mm256_shuffle_epi32::<0x55>(digits),
            _mm256_shuffle_epi32::<0xaa>(digits),
            _mm256_shuffle_epi32::<0xff>(digits),
        ];
        high = _mm256_add_epi32(high, _mm256_madd_epi16(front, h01));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(back, h23));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(front, l01));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(back, l23));
    }
    _mm256_add_epi32(_mm256_slli_epi32::<LOW>(high), low)
}

/// Row `y` of the vertical pass, 32 bytes at a time.
///
/// # Safety
/// The processor has AVX2, and `source` is `taps.source()` rows of `row` bytes.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn column(source: &[u8], row: usize, taps: &Taps, y: usize, out: &mut [u8]) {
    let zero = _mm256_setzero_si256();
    let last = taps.source() - 1;
    let mut blocks = out.chunks_exact_mut(32);
    let mut x = 0;
    for block in &mut blocks {
        let mut high = [zero; 4];
        let mut low = [_mm256_set1_epi32(HALF); 4];
        for group in 0..taps.groups {
            let rows: [__m256i; 4] = std::array::from_fn(|tap| {
                // A tap behind the last row has the coefficient 0, so any row will do.
                let at = (taps.starts[y] + group * GROUP + tap).min(last) * row + x;
                debug_assert!(at + 32 <= source.len());
                // SAFETY: x + 32 is at most `row`, and the row exists.
                unsafe { _mm256_loadu_si256(source.as_ptr().add(at).cast()) }
            });
            let digits =
                taps.digits[group * taps.filled() + y].map(|pair| _mm256_set1_epi32(pair as i32));
            for (pair, half) in [(0, 0), (1, 2)] {
                let (above, below) = (rows[half], rows[half + 1]);
                let left = _mm256_unpacklo_epi8(above, below);
                let right = _mm256_unpackhi_epi8(above, below);
                let words = [
                    _mm256_unpacklo_epi8(left, zero),
                    _mm256_unpackhi_epi8(left, zero),
                    _mm256_unpacklo_epi8(right, zero),
                    _mm256_unpackhi_epi8(right, zero),
                ];
                for ((word, high), low) in words.iter().zip(&mut high).zip(&mut low) {
                    *high = _mm256_add_epi32(*high, _mm256_madd_epi16(*word, digits[pair]));
                    *low = _mm256_add_epi32(*low, _mm256_madd_epi16(*word, digits[pair + 2]));
                }
            }
        }
        let sums =
            std::array::from_fn(|i| _mm256_add_epi32(_mm256_slli_epi32::<LOW>(high[i]), low[i]));
        // SAFETY: the block is 32 bytes.
        unsafe { _mm256_storeu_si256(block.as_mut_ptr().cast(), pack(sums)) };
        x += 32;
    }
    portable::column_rest(source, row, taps, y, x, blocks.into_remainder());
}

/// Four vectors of sums to one of bytes, in order within each half.
#[target_feature(enable = "avx2")]
#[inline]
fn pack(sums: [__m256i; 4]) -> __m256i {
    let [a, b, c, d] = sums.map(|sum| _mm256_srai_epi32::<{ PRECISION as i32 }>(sum));
    _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
}
