//! The passes with 512-bit vectors: coefficients in three digits of 8 bits, four taps at a time by
//! `vpdpbusd`, which multiplies the bytes as they are.

use super::taps::{GROUP, HALF, PRECISION, Taps};
use std::arch::x86_64::*;

/// The four high digits, the four middle ones, the four low ones. All are signed bytes, so a digit
/// above 127 borrows from the next.
pub(super) fn digits(coefficients: [i32; GROUP]) -> [u32; 4] {
    let mut digits = [[0u8; GROUP]; 4];
    for (tap, coefficient) in coefficients.into_iter().enumerate() {
        let low = coefficient as i8;
        let middle = ((coefficient - i32::from(low)) >> 8) as i8;
        let high = (((coefficient - i32::from(low)) >> 8) - i32::from(middle)) >> 8;
        debug_assert!(i8::try_from(high).is_ok(), "coefficients are below 2");
        digits[0][tap] = high as u8;
        digits[1][tap] = middle as u8;
        digits[2][tap] = low as u8;
    }
    digits.map(u32::from_le_bytes)
}

/// One row of the horizontal pass, sixteen pixels at a time.
///
/// # Safety
/// The processor has AVX-512 F, BW, VBMI and VNNI, and `pixels` reaches 16 bytes behind the last tap
/// of every output.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub(super) unsafe fn row(pixels: &[u8], taps: &Taps, out: &mut [u8]) {
    // RGBx to RGB: byte i of the output is byte i + i / 3 of the packed sums.
    const ORDER: [u8; 64] = {
        let mut order = [0; 64];
        let mut i = 0;
        while i < 48 {
            order[i] = (i + i / 3) as u8;
            i += 1;
        }
        order
    };
    // SAFETY: the table is one vector long.
    let order = unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) };
    for (block, out) in out.chunks_mut(48).enumerate() {
        let first = block * 16;
        // Pixels i, i + 4, i + 8, i + 12 share a vector, so that packing leaves them in order.
        let sums: [__m512i; 4] = std::array::from_fn(|i| {
            // SAFETY: outputs are filled to a multiple of 16, and the caller vouches for `pixels`.
            unsafe { four_pixels(pixels, taps, first + i) }
        });
        let packed = _mm512_permutexvar_epi8(order, pack(sums));
        let wanted = u64::MAX >> (64 - out.len());
        // SAFETY: as many bytes are stored as `out` has, at most 48.
        unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), wanted, packed) };
    }
}

/// The sums of outputs `i`, `i + 4`, `i + 8` and `i + 12`: red, green, blue and nothing each.
///
/// # Safety
/// As for [`row`], and `i + 12` is below `taps.filled()`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
#[inline]
unsafe fn four_pixels(pixels: &[u8], taps: &Taps, i: usize) -> __m512i {
    // Four RGB pixels to the four reds, the four greens, the four blues.
    let planes = _mm512_broadcast_i32x4(_mm_setr_epi8(
        0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1,
    ));
    let mut sums = Sums::zero();
    for group in 0..taps.groups {
        let load = |output: usize| {
            let at = (taps.starts[output] + group * GROUP) * 3;
            debug_assert!(at + 16 <= pixels.len());
            // SAFETY: the caller vouches for 16 bytes behind the last tap.
            unsafe { _mm_loadu_si128(pixels.as_ptr().add(at).cast()) }
        };
        let digit = |output: usize| {
            let at = group * taps.filled() + output;
            debug_assert!(at < taps.digits.len());
            // SAFETY: every output has its four digits.
            unsafe { _mm_loadu_si128(taps.digits.as_ptr().add(at).cast()) }
        };
        let values = join([load(i), load(i + 4), load(i + 8), load(i + 12)]);
        let digits = join([digit(i), digit(i + 4), digit(i + 8), digit(i + 12)]);
        sums.add(
            _mm512_shuffle_epi8(values, planes),
            [
                _mm512_shuffle_epi32::<0x00>(digits),
                _mm512_shuffle_epi32::<0x55>(digits),
                _mm512_shuffle_epi32::<0xaa>(digits),
            ],
        );
    }
    sums.total()
}

/// Row `y` of the vertical pass, 64 bytes at a time.
///
/// # Safety
/// The processor has AVX-512 F, BW, VBMI and VNNI, and `source` is `taps.source()` rows of `row`
/// bytes, `out` one such row.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub(super) unsafe fn column(source: &[u8], row: usize, taps: &Taps, y: usize, out: &mut [u8]) {
    let last = taps.source() - 1;
    for (block, out) in out.chunks_mut(64).enumerate() {
        let x = block * 64;
        let wanted = u64::MAX >> (64 - out.len());
        let mut sums = [Sums::zero(); 4];
        for group in 0..taps.groups {
            let rows: [__m512i; 4] = std::array::from_fn(|tap| {
                // A tap behind the last row has the coefficient 0, so any row will do.
                let at = (taps.starts[y] + group * GROUP + tap).min(last) * row + x;
                debug_assert!(at + out.len() <= source.len());
                // SAFETY: only the bytes of this row are loaded, and the row exists.
                unsafe { _mm512_maskz_loadu_epi8(wanted, source.as_ptr().add(at).cast()) }
            });
            let [high, middle, low, _] = taps.digits[group * taps.filled() + y];
            let digits = [high, middle, low].map(|four| _mm512_set1_epi32(four as i32));
            let above = [
                _mm512_unpacklo_epi8(rows[0], rows[1]),
                _mm512_unpackhi_epi8(rows[0], rows[1]),
            ];
            let below = [
                _mm512_unpacklo_epi8(rows[2], rows[3]),
                _mm512_unpackhi_epi8(rows[2], rows[3]),
            ];
            for (i, sums) in sums.iter_mut().enumerate() {
                let columns = if i % 2 == 0 {
                    _mm512_unpacklo_epi16(above[i / 2], below[i / 2])
                } else {
                    _mm512_unpackhi_epi16(above[i / 2], below[i / 2])
                };
                sums.add(columns, digits);
            }
        }
        let packed = pack(sums.map(|sums| sums.total()));
        // SAFETY: as many bytes are stored as `out` has.
        unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), wanted, packed) };
    }
}

/// The sums of a digit each.
#[derive(Clone, Copy)]
struct Sums([__m512i; 3]);

impl Sums {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn zero() -> Self {
        Self([_mm512_setzero_si512(); 3])
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    #[inline]
    fn add(&mut self, bytes: __m512i, digits: [__m512i; 3]) {
        for (sum, digit) in self.0.iter_mut().zip(digits) {
            *sum = _mm512_dpbusd_epi32(*sum, bytes, digit);
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn total(self) -> __m512i {
        let [high, middle, low] = self.0;
        let upper = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), middle);
        let all = _mm512_add_epi32(_mm512_slli_epi32::<8>(upper), low);
        _mm512_add_epi32(all, _mm512_set1_epi32(HALF))
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn join([a, b, c, d]: [__m128i; 4]) -> __m512i {
    let all = _mm512_castsi128_si512(a);
    let all = _mm512_inserti32x4::<1>(all, b);
    let all = _mm512_inserti32x4::<2>(all, c);
    _mm512_inserti32x4::<3>(all, d)
}

/// Four vectors of sums to one of bytes, in order within each quarter.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pack(sums: [__m512i; 4]) -> __m512i {
    let [a, b, c, d] = sums.map(|sum| _mm512_srai_epi32::<{ PRECISION }>(sum));
    _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d))
}
