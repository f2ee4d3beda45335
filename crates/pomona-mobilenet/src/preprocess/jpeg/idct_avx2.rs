//! The inverse DCT of `idct.rs` with 256-bit vectors: `vpmaddwd` multiplies what the 16-bit numbers there multiply.

use super::idct::*;
use std::arch::x86_64::*;

/// The samples of a block of coefficients, both in natural order; the same as those of `idct::samples`.
#[target_feature(enable = "avx2")]
pub(super) fn samples(coefficients: &[i16; 64], quantizers: &[u16; 64]) -> Block {
    let mut values = [_mm256_setzero_si256(); 4];
    let mut rows = values;
    for i in 0..4 {
        // SAFETY: 64 numbers of 16 bits are four vectors.
        let steps = unsafe {
            values[i] = _mm256_loadu_si256(coefficients.as_ptr().cast::<__m256i>().add(i));
            _mm256_loadu_si256(quantizers.as_ptr().cast::<__m256i>().add(i))
        };
        rows[i] = _mm256_mullo_epi16(values[i], steps);
    }
    let first_row = _mm256_setr_epi64x(0, 0, -1, -1);
    let others = _mm256_or_si256(
        _mm256_and_si256(values[0], first_row),
        _mm256_or_si256(values[1], _mm256_or_si256(values[2], values[3])),
    );
    let columns = if _mm256_testz_si256(others, others) == 1 {
        // Eight columns that are even: each row of the second dimension is one number. The short way of `idct.rs`.
        let row = _mm256_slli_epi16::<{ EXTRA_BITS as i32 }>(rows[0]);
        let mut numbers = [0_i16; 16];
        // SAFETY: the array is one vector long.
        unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), row) };
        if numbers[1..8].iter().all(|number| *number == 0) {
            return [[flat(numbers[0]); 8]; 8];
        }
        let mut columns = [_mm256_setzero_si256(); 8];
        for (column, number) in columns.iter_mut().zip(numbers) {
            *column = _mm256_set1_epi16(number);
        }
        columns
    } else {
        const SHIFT: i32 = (FACTOR_BITS - EXTRA_BITS) as i32;
        spread(transposed(transform::<SHIFT>(in_order(rows))))
    };
    const SHIFT: i32 = (FACTOR_BITS + EXTRA_BITS + 3) as i32;
    bytes(transform::<SHIFT>(columns))
}

/// The sample of a block that has no other coefficient than its mean, `first` as the second dimension takes it.
fn flat(first: i16) -> u8 {
    const SHIFT: u32 = FACTOR_BITS + EXTRA_BITS + 3;
    let value = ((i32::from(first) << FACTOR_BITS) + (1 << (SHIFT - 1))) >> SHIFT;
    (value.clamp(-128, 127) + 128) as u8
}

/// The first four numbers of a row of eight in both halves of the low lane, the others in those of the high one.
#[target_feature(enable = "avx2")]
#[inline]
fn low(rows: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b01_01_00_00>(rows)
}

/// As [`low`], of the row in the high lane.
#[target_feature(enable = "avx2")]
#[inline]
fn high(rows: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_11_10_10>(rows)
}

/// Rows that lie two in a vector, each spread over a vector.
#[target_feature(enable = "avx2")]
#[inline]
fn in_order([a, b, c, d]: [__m256i; 4]) -> [__m256i; 8] {
    [
        low(a),
        high(a),
        low(b),
        high(b),
        low(c),
        high(c),
        low(d),
        high(d),
    ]
}

/// Rows `i` and `i + 4` of a vector, each spread over a vector.
#[target_feature(enable = "avx2")]
#[inline]
fn spread([a, b, c, d]: [__m256i; 4]) -> [__m256i; 8] {
    [
        low(a),
        low(b),
        low(c),
        low(d),
        high(a),
        high(b),
        high(c),
        high(d),
    ]
}

/// Two factors side by side, as `vpmaddwd` takes them.
#[target_feature(enable = "avx2")]
#[inline]
fn factors(first: i32, second: i32) -> __m256i {
    _mm256_set1_epi32((first & 0xffff) | (second << 16))
}

/// One dimension, for eight columns side by side, divided by `2^SHIFT`: rows two by two, the first four columns of both
/// in the low lane.
#[target_feature(enable = "avx2")]
#[inline]
fn transform<const SHIFT: i32>(x: [__m256i; 8]) -> [__m256i; 4] {
    let scaled = |value| {
        // Times 2^16, and back by what is more than the bits of the factors.
        let high = _mm256_unpacklo_epi16(_mm256_setzero_si256(), value);
        _mm256_srai_epi32::<{ 16 - FACTOR_BITS as i32 }>(high)
    };
    let even_0 = scaled(_mm256_add_epi16(x[0], x[4]));
    let even_1 = scaled(_mm256_sub_epi16(x[0], x[4]));
    let pair = _mm256_unpacklo_epi16(x[2], x[6]);
    let even_2 = _mm256_madd_epi16(pair, factors(F_0_541, F_0_541 - F_1_847));
    let even_3 = _mm256_madd_epi16(pair, factors(F_0_541 + F_0_765, F_0_541));
    let even = [
        _mm256_add_epi32(even_0, even_3),
        _mm256_add_epi32(even_1, even_2),
        _mm256_sub_epi32(even_1, even_2),
        _mm256_sub_epi32(even_0, even_3),
    ];

    let z3 = _mm256_add_epi16(x[7], x[3]);
    let z4 = _mm256_add_epi16(x[5], x[1]);
    let pair = _mm256_unpacklo_epi16(z3, z4);
    let from_z3 = _mm256_madd_epi16(pair, factors(F_1_175 - F_1_961, F_1_175));
    let from_z4 = _mm256_madd_epi16(pair, factors(F_1_175, F_1_175 - F_0_390));
    let outer = _mm256_unpacklo_epi16(x[7], x[1]);
    let inner = _mm256_unpacklo_epi16(x[5], x[3]);
    let sum = |pair, first, second, rest| {
        _mm256_add_epi32(_mm256_madd_epi16(pair, factors(first, second)), rest)
    };
    let odd = [
        sum(outer, -F_0_899, F_1_501 - F_0_899, from_z4),
        sum(inner, -F_2_562, F_3_072 - F_2_562, from_z3),
        sum(inner, F_2_053 - F_2_562, -F_2_562, from_z4),
        sum(outer, F_0_298 - F_0_899, -F_0_899, from_z3),
    ];

    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let mut out = [_mm256_setzero_si256(); 8];
    for i in 0..4 {
        let even = _mm256_add_epi32(even[i], half);
        out[i] = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even, odd[i]));
        out[7 - i] = _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even, odd[i]));
    }
    [
        _mm256_packs_epi32(out[0], out[1]),
        _mm256_packs_epi32(out[2], out[3]),
        _mm256_packs_epi32(out[4], out[5]),
        _mm256_packs_epi32(out[6], out[7]),
    ]
}

/// The result of [`transform`] with rows and columns exchanged: row `i` in the low lane, `i + 4` in the high one.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(pairs: [__m256i; 4]) -> [__m256i; 4] {
    // Two rows of four become four columns of two.
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15,
    ));
    let [a, b, c, d] = [
        _mm256_shuffle_epi8(pairs[0], order),
        _mm256_shuffle_epi8(pairs[1], order),
        _mm256_shuffle_epi8(pairs[2], order),
        _mm256_shuffle_epi8(pairs[3], order),
    ];
    let above = [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)];
    let below = [_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d)];
    [
        _mm256_unpacklo_epi64(above[0], below[0]),
        _mm256_unpackhi_epi64(above[0], below[0]),
        _mm256_unpacklo_epi64(above[1], below[1]),
        _mm256_unpackhi_epi64(above[1], below[1]),
    ]
}

/// The result of [`transform`] with rows and columns exchanged, as samples.
#[target_feature(enable = "avx2")]
#[inline]
fn bytes([a, b, c, d]: [__m256i; 4]) -> Block {
    // Four rows of four become four columns of four.
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
    ));
    let left = _mm256_shuffle_epi8(_mm256_packs_epi16(a, b), order);
    let right = _mm256_shuffle_epi8(_mm256_packs_epi16(c, d), order);
    let middle = _mm256_set1_epi8(-128);
    let even = _mm256_xor_si256(_mm256_unpacklo_epi32(left, right), middle);
    let odd = _mm256_xor_si256(_mm256_unpackhi_epi32(left, right), middle);
    let mut block = Block::default();
    // SAFETY: a block is 64 bytes.
    unsafe {
        let rows = block.as_mut_ptr().cast::<__m256i>();
        _mm256_storeu_si256(rows, _mm256_permute2x128_si256::<0x20>(even, odd));
        _mm256_storeu_si256(rows.add(1), _mm256_permute2x128_si256::<0x31>(even, odd));
    }
    block
}

#[cfg(test)]
mod tests {
    use super::super::idct;
    use super::*;
    use proptest::prelude::*;

    /// Blocks as encoders write them, of few numbers and of any: what is damaged wraps and saturates alike.
    fn block() -> impl Strategy<Value = [i16; 64]> {
        let few = prop::collection::vec((0_usize..64, any::<i16>()), 0..6).prop_map(|numbers| {
            let mut block = [0; 64];
            for (at, number) in numbers {
                block[at] = number;
            }
            block
        });
        let first_row = prop::array::uniform8(-3000_i16..3000).prop_map(|row| {
            let mut block = [0; 64];
            block[..8].copy_from_slice(&row);
            block
        });
        let mean = any::<i16>().prop_map(|mean| {
            let mut block = [0; 64];
            block[0] = mean;
            block
        });
        prop_oneof![
            prop::array::uniform(-200_i16..200),
            prop::array::uniform(any::<i16>()),
            few,
            first_row,
            mean,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        #[test]
        fn vectors_return_what_plain_numbers_return(
            coefficients in block(),
            quantizers in prop_oneof![
                prop::array::uniform(1_u16..256),
                prop::array::uniform(any::<u16>()),
                Just([1; 64]),
            ],
        ) {
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                let vectors = unsafe { samples(&coefficients, &quantizers) };
                prop_assert_eq!(vectors, idct::samples(&coefficients, &quantizers));
            }
        }
    }
}
