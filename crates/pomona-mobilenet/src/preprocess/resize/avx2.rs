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
    let (blocks, _) = taps.starts.as_chunks::<8>();
    for (block, (out, starts)) in out.chunks_mut(24).zip(blocks).enumerate() {
        // Pixel i sits beside pixel i + 4, so that packing leaves them in order.
        let mut sums = [_mm256_setzero_si256(); 4];
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: outputs are filled to a multiple of 8, and the caller guarantees `pixels`.
            *sums = unsafe { two_pixels(pixels, taps, starts, block * 8, i) };
        }
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

/// The sums of outputs `i` (low half) and `i + 4` (high half) of a block: red, green, blue and
/// nothing.
///
/// # Safety
/// As for [`row`]; `starts` are those of the outputs from `first` on, and `i` is below 4.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn two_pixels(
    pixels: &[u8],
    taps: &Taps,
    starts: &[usize; 8],
    first: usize,
    i: usize,
) -> __m256i {
    // Four RGB pixels to pairs of 16-bit values a color: the first two, then the others.
    let front = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
    );
    let back = _mm256_setr_epi8(
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    let (mut high, mut low) = (_mm256_setzero_si256(), _mm256_set1_epi32(HALF));
    for group in 0..taps.groups {
        let left = (starts[i] + group * GROUP) * 3;
        let right = (starts[i + 4] + group * GROUP) * 3;
        debug_assert!(left.max(right) + 16 <= pixels.len());
        let digits = group * taps.filled() + first + i;
        debug_assert!(digits + 4 < taps.digits.len());
        // SAFETY: the caller guarantees 16 bytes behind the last tap; both outputs have digits.
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
        let high_front = _mm256_madd_epi16(front, _mm256_shuffle_epi32::<0x00>(digits));
        let high_back = _mm256_madd_epi16(back, _mm256_shuffle_epi32::<0x55>(digits));
        let low_front = _mm256_madd_epi16(front, _mm256_shuffle_epi32::<0xaa>(digits));
        let low_back = _mm256_madd_epi16(back, _mm256_shuffle_epi32::<0xff>(digits));
        high = _mm256_add_epi32(high, _mm256_add_epi32(high_front, high_back));
        low = _mm256_add_epi32(low, _mm256_add_epi32(low_front, low_back));
    }
    total(high, low)
}

/// Row `y` of the vertical pass, 32 bytes at a time.
///
/// # Safety
/// The processor has AVX2, and `source` is `taps.source()` rows of `row` bytes, `out` one such row.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn column(source: &[u8], row: usize, taps: &Taps, y: usize, out: &mut [u8]) {
    let zero = _mm256_setzero_si256();
    let last = taps.source() - 1;
    let (blocks, rest) = out.as_chunks_mut::<32>();
    let mut x = 0;
    for block in blocks {
        let mut high = [zero; 4];
        let mut low = [_mm256_set1_epi32(HALF); 4];
        for group in 0..taps.groups {
            let mut rows = [zero; GROUP];
            for (tap, pixels) in rows.iter_mut().enumerate() {
                // A tap behind the last row has the coefficient 0, so any row will do.
                let at = (taps.starts[y] + group * GROUP + tap).min(last) * row + x;
                debug_assert!(at + 32 <= source.len());
                // SAFETY: x + 32 is at most `row`, and the row exists.
                *pixels = unsafe { _mm256_loadu_si256(source.as_ptr().add(at).cast()) };
            }
            let digits = taps.digits[group * taps.filled() + y];
            for (pair, above) in [(0, 0), (1, 2)] {
                let left = _mm256_unpacklo_epi8(rows[above], rows[above + 1]);
                let right = _mm256_unpackhi_epi8(rows[above], rows[above + 1]);
                let words = [
                    _mm256_unpacklo_epi8(left, zero),
                    _mm256_unpackhi_epi8(left, zero),
                    _mm256_unpacklo_epi8(right, zero),
                    _mm256_unpackhi_epi8(right, zero),
                ];
                let high_digits = _mm256_set1_epi32(digits[pair] as i32);
                let low_digits = _mm256_set1_epi32(digits[pair + 2] as i32);
                for i in 0..4 {
                    let product = _mm256_madd_epi16(words[i], high_digits);
                    high[i] = _mm256_add_epi32(high[i], product);
                    let product = _mm256_madd_epi16(words[i], low_digits);
                    low[i] = _mm256_add_epi32(low[i], product);
                }
            }
        }
        let packed = pack([
            total(high[0], low[0]),
            total(high[1], low[1]),
            total(high[2], low[2]),
            total(high[3], low[3]),
        ]);
        // SAFETY: the block is 32 bytes.
        unsafe { _mm256_storeu_si256(block.as_mut_ptr().cast(), packed) };
        x += 32;
    }
    portable::column_rest(source, row, taps, y, x, rest);
}

/// The digits put together.
#[target_feature(enable = "avx2")]
#[inline]
fn total(high: __m256i, low: __m256i) -> __m256i {
    _mm256_add_epi32(_mm256_slli_epi32::<LOW>(high), low)
}

/// Four vectors of sums to one of bytes, in order within each half.
#[target_feature(enable = "avx2")]
#[inline]
fn pack([a, b, c, d]: [__m256i; 4]) -> __m256i {
    const SHIFT: i32 = PRECISION as i32;
    let front = _mm256_packs_epi32(_mm256_srai_epi32::<SHIFT>(a), _mm256_srai_epi32::<SHIFT>(b));
    let back = _mm256_packs_epi32(_mm256_srai_epi32::<SHIFT>(c), _mm256_srai_epi32::<SHIFT>(d));
    _mm256_packus_epi16(front, back)
}
