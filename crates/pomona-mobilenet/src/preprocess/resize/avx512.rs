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
    let (blocks, _) = taps.starts.as_chunks::<16>();
    for (block, (out, starts)) in out.chunks_mut(48).zip(blocks).enumerate() {
        // Pixels i, i + 4, i + 8, i + 12 share a vector, so that packing leaves them in order.
        let mut sums = [_mm512_setzero_si512(); 4];
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: outputs are filled to a multiple of 16, and the caller guarantees `pixels`.
            *sums = unsafe { four_pixels(pixels, taps, starts, block * 16, i) };
        }
        let packed = _mm512_permutexvar_epi8(order, pack(sums));
        let wanted = u64::MAX >> (64 - out.len());
        // SAFETY: as many bytes are stored as `out` has, at most 48.
        unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), wanted, packed) };
    }
}

/// The sums of outputs `i`, `i + 4`, `i + 8` and `i + 12` of a block: red, green, blue and nothing
/// each.
///
/// # Safety
/// As for [`row`]; `starts` are those of the outputs from `first` on, and `i` is below 4.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
#[inline]
unsafe fn four_pixels(
    pixels: &[u8],
    taps: &Taps,
    starts: &[usize; 16],
    first: usize,
    i: usize,
) -> __m512i {
    // Four RGB pixels to the four reds, the four greens, the four blues.
    let planes = _mm512_broadcast_i32x4(_mm_setr_epi8(
        0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1,
    ));
    let mut sums = Sums::zero();
    for group in 0..taps.groups {
        let skipped = group * GROUP;
        let digits = group * taps.filled() + first + i;
        debug_assert!(digits + 12 < taps.digits.len());
        // SAFETY: the caller guarantees 16 bytes behind the last tap, and every output has its
        // four digits.
        let (values, digits) = unsafe {
            (
                join(
                    load(pixels, (starts[i] + skipped) * 3),
                    load(pixels, (starts[i + 4] + skipped) * 3),
                    load(pixels, (starts[i + 8] + skipped) * 3),
                    load(pixels, (starts[i + 12] + skipped) * 3),
                ),
                join(
                    _mm_loadu_si128(taps.digits.as_ptr().add(digits).cast()),
                    _mm_loadu_si128(taps.digits.as_ptr().add(digits + 4).cast()),
                    _mm_loadu_si128(taps.digits.as_ptr().add(digits + 8).cast()),
                    _mm_loadu_si128(taps.digits.as_ptr().add(digits + 12).cast()),
                ),
            )
        };
        sums.add(
            _mm512_shuffle_epi8(values, planes),
            _mm512_shuffle_epi32::<0x00>(digits),
            _mm512_shuffle_epi32::<0x55>(digits),
            _mm512_shuffle_epi32::<0xaa>(digits),
        );
    }
    sums.total()
}

/// # Safety
/// Sixteen bytes from `at` are inside `pixels`.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load(pixels: &[u8], at: usize) -> __m128i {
    debug_assert!(at + 16 <= pixels.len());
    // SAFETY: the caller's.
    unsafe { _mm_loadu_si128(pixels.as_ptr().add(at).cast()) }
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
            let mut rows = [_mm512_setzero_si512(); GROUP];
            for (tap, pixels) in rows.iter_mut().enumerate() {
                // A tap behind the last row has the coefficient 0, so any row will do.
                let at = (taps.starts[y] + group * GROUP + tap).min(last) * row + x;
                debug_assert!(at + out.len() <= source.len());
                // SAFETY: only the bytes of this row are loaded, and the row exists.
                *pixels =
                    unsafe { _mm512_maskz_loadu_epi8(wanted, source.as_ptr().add(at).cast()) };
            }
            let [high, middle, low, _] = taps.digits[group * taps.filled() + y];
            let high = _mm512_set1_epi32(high as i32);
            let middle = _mm512_set1_epi32(middle as i32);
            let low = _mm512_set1_epi32(low as i32);
            let [left, right] = [
                _mm512_unpacklo_epi8(rows[0], rows[1]),
                _mm512_unpackhi_epi8(rows[0], rows[1]),
            ];
            let [left_below, right_below] = [
                _mm512_unpacklo_epi8(rows[2], rows[3]),
                _mm512_unpackhi_epi8(rows[2], rows[3]),
            ];
            sums[0].add(_mm512_unpacklo_epi16(left, left_below), high, middle, low);
            sums[1].add(_mm512_unpackhi_epi16(left, left_below), high, middle, low);
            sums[2].add(_mm512_unpacklo_epi16(right, right_below), high, middle, low);
            sums[3].add(_mm512_unpackhi_epi16(right, right_below), high, middle, low);
        }
        let [a, b, c, d] = sums;
        let packed = pack([a.total(), b.total(), c.total(), d.total()]);
        // SAFETY: as many bytes are stored as `out` has.
        unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), wanted, packed) };
    }
}

/// The sums of a digit each.
#[derive(Clone, Copy)]
struct Sums {
    high: __m512i,
    middle: __m512i,
    low: __m512i,
}

impl Sums {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn zero() -> Self {
        let zero = _mm512_setzero_si512();
        Self {
            high: zero,
            middle: zero,
            low: _mm512_set1_epi32(HALF),
        }
    }

    /// Four products and their sum in each lane, for each digit.
    #[target_feature(enable = "avx512f,avx512vnni")]
    #[inline]
    fn add(&mut self, bytes: __m512i, high: __m512i, middle: __m512i, low: __m512i) {
        self.high = _mm512_dpbusd_epi32(self.high, bytes, high);
        self.middle = _mm512_dpbusd_epi32(self.middle, bytes, middle);
        self.low = _mm512_dpbusd_epi32(self.low, bytes, low);
    }

    /// The digits put together.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn total(self) -> __m512i {
        let upper = _mm512_add_epi32(_mm512_slli_epi32::<8>(self.high), self.middle);
        _mm512_add_epi32(_mm512_slli_epi32::<8>(upper), self.low)
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn join(a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m512i {
    let all = _mm512_castsi128_si512(a);
    let all = _mm512_inserti32x4::<1>(all, b);
    let all = _mm512_inserti32x4::<2>(all, c);
    _mm512_inserti32x4::<3>(all, d)
}

/// Four vectors of sums to one of bytes, in order within each quarter.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pack([a, b, c, d]: [__m512i; 4]) -> __m512i {
    const SHIFT: u32 = PRECISION;
    let front = _mm512_packs_epi32(_mm512_srai_epi32::<SHIFT>(a), _mm512_srai_epi32::<SHIFT>(b));
    let back = _mm512_packs_epi32(_mm512_srai_epi32::<SHIFT>(c), _mm512_srai_epi32::<SHIFT>(d));
    _mm512_packus_epi16(front, back)
}
