//! Converts a strip of sixteen columns to whole numbers and their digits, in both layouts.

use std::arch::x86_64::*;

use super::scale::{Extent, Scale};
use super::{DEPTH, DIGITS, ROWS, SIDE, STEP, STRIP, TILE};

/// Rows that lie side by side in the right layout.
const FOLD: usize = 4;

/// 128 in each of four bytes: added before a two's complement number is cut into digits and subtracted
/// from each digit after it, this makes the digits signed.
const BALANCE: i64 = 0x8080_8080;

/// How a strip was scaled, and the sum of each column before and after rounding.
pub(super) struct Split {
    pub(super) scale: Scale,
    pub(super) scaled: [f64; SIDE],
    pub(super) whole: [i64; SIDE],
}

/// Writes the digits of a strip, most significant first.
///
/// # Safety
/// The processor has AVX-512F and AVX-512DQ.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) unsafe fn split(
    values: &[f32; SIDE * ROWS],
    left: &mut [i8; STRIP],
    right: &mut [i8; STRIP],
) -> Split {
    let scale = Scale::new(&extent(values), ROWS);
    let rounding = Rounding::new(&scale);
    let mut sums = Sums {
        scaled: [_mm512_setzero_pd(); 2],
        whole: [_mm512_setzero_si512(); 2],
    };
    let (steps, _) = values.as_chunks::<{ SIDE * DEPTH }>();
    let (left, _) = left.as_chunks_mut::<STEP>();
    let (right, _) = right.as_chunks_mut::<STEP>();
    for ((values, left), right) in steps.iter().zip(left).zip(right) {
        let (groups, _) = values.as_chunks::<{ SIDE * FOLD }>();
        for (place, group) in groups.iter().enumerate() {
            let digits = rounding.digits(group, &mut sums);
            for (digit, bytes) in digits.into_iter().enumerate() {
                let at = digit * TILE + place * 64;
                // SAFETY: the slice has 64 bytes.
                unsafe { _mm512_storeu_si512(right[at..at + 64].as_mut_ptr().cast(), bytes) };
            }
        }
        let (left, _) = left.as_chunks_mut::<TILE>();
        let (right, _) = right.as_chunks::<TILE>();
        for (left, right) in left.iter_mut().zip(right) {
            transpose(right, left);
        }
    }
    let mut split = Split {
        scale,
        scaled: [0.0; SIDE],
        whole: [0; SIDE],
    };
    for half in 0..2 {
        // SAFETY: each half of an array is eight numbers.
        unsafe {
            _mm512_storeu_pd(split.scaled[half * 8..].as_mut_ptr(), sums.scaled[half]);
            _mm512_storeu_epi64(split.whole[half * 8..].as_mut_ptr(), sums.whole[half]);
        }
    }
    split
}

#[target_feature(enable = "avx512f")]
fn extent(values: &[f32; SIDE * ROWS]) -> Extent {
    let (rows, _) = values.as_chunks::<SIDE>();
    // Two sums of each, because an addition waits for the one before it.
    let mut least = [_mm512_set1_ps(f32::INFINITY); 2];
    let mut largest = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
    let mut sum = [_mm512_setzero_ps(); 2];
    for pair in rows.chunks_exact(2) {
        for (parity, row) in pair.iter().enumerate() {
            // SAFETY: a row is sixteen numbers.
            let row = unsafe { _mm512_loadu_ps(row.as_ptr()) };
            least[parity] = _mm512_min_ps(least[parity], row);
            largest[parity] = _mm512_max_ps(largest[parity], row);
            sum[parity] = _mm512_add_ps(sum[parity], row);
        }
    }
    let mut extent = Extent {
        least: [0.0; SIDE],
        largest: [0.0; SIDE],
        sum: [0.0; SIDE],
    };
    // SAFETY: each array is sixteen numbers.
    unsafe {
        _mm512_storeu_ps(extent.least.as_mut_ptr(), _mm512_min_ps(least[0], least[1]));
        _mm512_storeu_ps(
            extent.largest.as_mut_ptr(),
            _mm512_max_ps(largest[0], largest[1]),
        );
        _mm512_storeu_ps(extent.sum.as_mut_ptr(), _mm512_add_ps(sum[0], sum[1]));
    }
    extent
}

/// The sums of columns in vectors.
struct Sums {
    scaled: [__m512d; 2],
    whole: [__m512i; 2],
}

/// The scale of a strip in vectors: columns 0 to 7, and 8 to 15.
struct Rounding {
    scale: [__m512d; 2],
    origin: [__m512d; 2],
}

impl Rounding {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn new(scale: &Scale) -> Self {
        // SAFETY: both arrays are sixteen numbers.
        unsafe {
            Self {
                scale: [
                    _mm512_loadu_pd(scale.scale.as_ptr()),
                    _mm512_loadu_pd(scale.scale.as_ptr().add(8)),
                ],
                origin: [
                    _mm512_loadu_pd(scale.origin.as_ptr()),
                    _mm512_loadu_pd(scale.origin.as_ptr().add(8)),
                ],
            }
        }
    }

    /// The digits of four rows, `[column][row]` each, and the whole numbers added to `sums`, before and after rounding.
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn digits(&self, group: &[f32; SIDE * FOLD], sums: &mut Sums) -> [__m512i; DIGITS] {
        let mut halves = [[_mm512_setzero_si512(); 4]; 2];
        for (half, found) in halves.iter_mut().enumerate() {
            let mut rows = [_mm512_setzero_si512(); FOLD];
            for (row, balanced) in rows.iter_mut().enumerate() {
                // SAFETY: eight of the sixteen numbers of the row.
                let values =
                    unsafe { _mm256_loadu_ps(group[row * SIDE + half * 8..][..8].as_ptr()) };
                let scaled =
                    _mm512_fmsub_pd(_mm512_cvtps_pd(values), self.scale[half], self.origin[half]);
                // Rounds to the nearest, and to the even of two.
                let whole = _mm512_cvtpd_epi64(scaled);
                sums.scaled[half] = _mm512_add_pd(sums.scaled[half], scaled);
                sums.whole[half] = _mm512_add_epi64(sums.whole[half], whole);
                *balanced = _mm512_add_epi64(whole, _mm512_set1_epi64(BALANCE));
            }
            *found = gather(rows);
        }
        let [low, high] = halves;
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        let odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
        let signs = _mm512_set1_epi32(BALANCE as i32);
        let lower = |byte: usize| {
            let bytes = _mm512_permutex2var_epi32(low[byte], even, high[byte]);
            _mm512_xor_si512(bytes, signs)
        };
        [
            _mm512_permutex2var_epi32(low[0], odd, high[0]),
            lower(3),
            lower(2),
            lower(1),
            lower(0),
        ]
    }
}

/// Gathers the same byte of four rows: of eight columns, in 64 bits each, the result holds byte `p`
/// of all rows in the low 32 bits of vector `p`, and byte 4 in the high 32 bits of vector 0.
#[target_feature(enable = "avx512f")]
#[inline]
fn gather(rows: [__m512i; FOLD]) -> [__m512i; 4] {
    /// Selects bits of `a` where `mask` has ones, and of `b` elsewhere.
    const SELECT: i32 = 0xCA;
    let bytes = _mm512_set1_epi64(0x00FF_00FF_00FF_00FF);
    let words = _mm512_set1_epi64(0x0000_FFFF_0000_FFFF);
    let pairs = |a, b| {
        [
            _mm512_ternarylogic_epi64::<SELECT>(bytes, a, _mm512_slli_epi64::<8>(b)),
            _mm512_ternarylogic_epi64::<SELECT>(bytes, _mm512_srli_epi64::<8>(a), b),
        ]
    };
    let [even01, odd01] = pairs(rows[0], rows[1]);
    let [even23, odd23] = pairs(rows[2], rows[3]);
    let quads = |a, b| {
        [
            _mm512_ternarylogic_epi64::<SELECT>(words, a, _mm512_slli_epi64::<16>(b)),
            _mm512_ternarylogic_epi64::<SELECT>(words, _mm512_srli_epi64::<16>(a), b),
        ]
    };
    let [zero, two] = quads(even01, even23);
    let [one, three] = quads(odd01, odd23);
    [zero, one, two, three]
}

/// Turns a tile of the right layout, `[4 rows][column]` groups of four bytes, into one of the left.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose(right: &[i8; TILE], left: &mut [i8; TILE]) {
    let mut rows = [_mm512_setzero_si512(); SIDE];
    let (from, _) = right.as_chunks::<64>();
    for (row, from) in rows.iter_mut().zip(from) {
        // SAFETY: 64 bytes.
        *row = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
    }
    // Two by two, then four by four within each quarter of a vector, then quarters.
    let mut pairs = rows;
    for at in (0..SIDE).step_by(2) {
        pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    let mut quads = rows;
    for at in (0..SIDE).step_by(4) {
        quads[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        quads[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        quads[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        quads[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    let (to, _) = left.as_chunks_mut::<64>();
    for column in 0..4 {
        // Quarter c of vector 4 r + column holds rows 4 r to 4 r + 3 of column 4 c + column.
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| quads[at + column]);
        let ab = [
            _mm512_shuffle_i32x4::<0b1000_1000>(a, b),
            _mm512_shuffle_i32x4::<0b1101_1101>(a, b),
        ];
        let cd = [
            _mm512_shuffle_i32x4::<0b1000_1000>(c, d),
            _mm512_shuffle_i32x4::<0b1101_1101>(c, d),
        ];
        let whole = [
            _mm512_shuffle_i32x4::<0b1000_1000>(ab[0], cd[0]),
            _mm512_shuffle_i32x4::<0b1000_1000>(ab[1], cd[1]),
            _mm512_shuffle_i32x4::<0b1101_1101>(ab[0], cd[0]),
            _mm512_shuffle_i32x4::<0b1101_1101>(ab[1], cd[1]),
        ];
        for (quarter, whole) in whole.into_iter().enumerate() {
            let to = to[4 * quarter + column].as_mut_ptr();
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(to.cast(), whole) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(row: usize, column: usize) -> f32 {
        let state = (row * SIDE + column + 1) as u64 * 0x9E37_79B9_7F4A_7C15;
        let uniform = ((state ^ state >> 29) as u32) as f32 / u32::MAX as f32;
        match column {
            0 => 3.25,
            1 => 0.0,
            2 => uniform - 0.5,
            3 => (uniform - 0.5) * 1e-42,
            4 => uniform.powi(40) * 1e38,
            5 => (row % 2) as f32,
            6 => 1e6 + uniform,
            7 if row == 77 => -1e9,
            _ => 6.0 * uniform * uniform,
        }
    }

    /// Compares both layouts with the definition, number by number.
    #[test]
    fn digits_are_those_of_the_whole_numbers() {
        if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")) {
            println!("skipped: no AVX-512");
            return;
        }
        let values: [f32; SIDE * ROWS] = std::array::from_fn(|at| value(at / SIDE, at % SIDE));
        let (mut left, mut right) = ([0; STRIP], [0; STRIP]);
        // SAFETY: the processor has AVX-512F and AVX-512DQ.
        let split = unsafe { split(&values, &mut left, &mut right) };
        let scale = &split.scale;
        for column in 0..SIDE {
            let mut sum = 0;
            for row in 0..ROWS {
                let value = f64::from(values[row * SIDE + column]);
                let whole = value
                    .mul_add(scale.scale[column], -scale.origin[column])
                    .round_ties_even() as i64;
                sum += whole;
                let (step, row) = (row / DEPTH, row % DEPTH);
                let digit = |bytes: &[i8], at: usize| {
                    (0..DIGITS).fold(0, |number, digit| {
                        number * 256 + i64::from(bytes[step * STEP + digit * TILE + at])
                    })
                };
                assert_eq!(digit(&left, column * DEPTH + row), whole, "{row} {column}");
                let at = row / FOLD * 64 + column * FOLD + row % FOLD;
                assert_eq!(digit(&right, at), whole, "{row} {column}");
            }
            assert_eq!(sum, split.whole[column], "{column}");
            let apart = (split.scaled[column] - sum as f64).abs();
            assert!(apart <= 0.5 * ROWS as f64, "{column}: {apart}");
        }
        assert_eq!(scale.shift[0], 3.25);
        assert_eq!(scale.unit[1], 0.0);
    }
}
