//! The inverse DCT in the arithmetic of libjpeg-turbo's vector code on x86-64, which Pillow's wheels run.
//!
//! The transform is that of libjpeg's `jidctint.c` (Loeffler, Ligtenberg and Moschytz, doi:10.1109/ICASSP.1989.266596).
//! Of coefficients that an encoder writes, both return the same samples. Those of a damaged file can be so large that
//! 16 bits do not hold them, and there the vector code wraps and saturates where the C code does neither.

/// Samples, rows from the top.
pub(super) type Block = [[u8; 8]; 8];

/// Eight numbers that one vector register holds; eight of them are a block.
type Rows = [[i16; 8]; 8];

/// Fractional bits of the factors.
pub(super) const FACTOR_BITS: u32 = 13;
/// Bits by which the columns are more precise than their samples.
pub(super) const EXTRA_BITS: u32 = 2;

/// Factors times 2^13, named by their digits.
pub(super) const F_0_298: i32 = 2446;
pub(super) const F_0_390: i32 = 3196;
pub(super) const F_0_541: i32 = 4433;
pub(super) const F_0_765: i32 = 6270;
pub(super) const F_0_899: i32 = 7373;
pub(super) const F_1_175: i32 = 9633;
pub(super) const F_1_501: i32 = 12299;
pub(super) const F_1_847: i32 = 15137;
pub(super) const F_1_961: i32 = 16069;
pub(super) const F_2_053: i32 = 16819;
pub(super) const F_2_562: i32 = 20995;
pub(super) const F_3_072: i32 = 25172;

/// The samples of a block of coefficients, both in natural order.
pub(super) fn samples(coefficients: &[i16; 64], quantizers: &[u16; 64]) -> Block {
    let mut rows = Rows::default();
    for (row, (values, steps)) in rows.iter_mut().zip(rows_of(coefficients, quantizers)) {
        for (out, (value, step)) in row.iter_mut().zip(values.iter().zip(steps)) {
            *out = value.wrapping_mul(*step as i16);
        }
    }
    let columns = if coefficients[8..].iter().all(|value| *value == 0) {
        // Eight columns that are even. The vector code takes a short way, which wraps where the long one saturates.
        [rows[0].map(|value| value << EXTRA_BITS); 8]
    } else {
        transform::<{ FACTOR_BITS - EXTRA_BITS }>(&rows)
    };
    let samples = transform::<{ FACTOR_BITS + EXTRA_BITS + 3 }>(&transposed(&columns));
    transposed(&samples).map(|row| row.map(|value| (value.clamp(-128, 127) + 128) as u8))
}

fn rows_of<'a>(
    coefficients: &'a [i16; 64],
    quantizers: &'a [u16; 64],
) -> impl Iterator<Item = (&'a [i16], &'a [u16])> {
    coefficients.chunks_exact(8).zip(quantizers.chunks_exact(8))
}

/// One dimension of the transform, for eight columns side by side, and its result divided by `2^SHIFT`.
#[inline(always)]
fn transform<const SHIFT: u32>(rows: &Rows) -> Rows {
    let mut out = Rows::default();
    for column in 0..8 {
        let x = |row: usize| rows[row][column];
        let times = |value: i16, factor: i32| i32::from(value).wrapping_mul(factor);
        let scaled = |value: i16| i32::from(value) << FACTOR_BITS;

        let even_0 = scaled(x(0).wrapping_add(x(4)));
        let even_1 = scaled(x(0).wrapping_sub(x(4)));
        let even_2 = times(x(2), F_0_541) + times(x(6), F_0_541 - F_1_847);
        let even_3 = times(x(2), F_0_541 + F_0_765) + times(x(6), F_0_541);
        let even = [
            even_0 + even_3,
            even_1 + even_2,
            even_1 - even_2,
            even_0 - even_3,
        ];

        let z3 = x(7).wrapping_add(x(3));
        let z4 = x(5).wrapping_add(x(1));
        let from_z3 = times(z3, F_1_175 - F_1_961) + times(z4, F_1_175);
        let from_z4 = times(z3, F_1_175) + times(z4, F_1_175 - F_0_390);
        let odd = [
            times(x(7), -F_0_899) + times(x(1), F_1_501 - F_0_899) + from_z4,
            times(x(5), -F_2_562) + times(x(3), F_3_072 - F_2_562) + from_z3,
            times(x(5), F_2_053 - F_2_562) + times(x(3), -F_2_562) + from_z4,
            times(x(7), F_0_298 - F_0_899) + times(x(1), -F_0_899) + from_z3,
        ];

        let divided = |value: i32| {
            let rounded = value.wrapping_add(1 << (SHIFT - 1)) >> SHIFT;
            rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        };
        for row in 0..4 {
            out[row][column] = divided(even[row].wrapping_add(odd[row]));
            out[7 - row][column] = divided(even[row].wrapping_sub(odd[row]));
        }
    }
    out
}

#[inline(always)]
fn transposed(rows: &Rows) -> Rows {
    std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// The coefficients that an encoder writes.
    fn encoded(samples: &[u8], quantizers: &[u16; 64]) -> [i16; 64] {
        let scale = |k: usize| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
        std::array::from_fn(|at| {
            let (v, u) = (at / 8, at % 8);
            let sum: f64 = samples
                .iter()
                .enumerate()
                .map(|(i, sample)| (f64::from(*sample) - 128.0) * wave(i % 8, u) * wave(i / 8, v))
                .sum();
            (sum * scale(u) * scale(v) / 4.0 / f64::from(quantizers[at])).round() as i16
        })
    }

    /// `jidctint.c`: numbers of any size, and the lowest ten bits of the result.
    fn unbounded(coefficients: &[i16; 64], quantizers: &[u16; 64]) -> Block {
        fn transform(x: [i64; 8], shift: u32) -> [i64; 8] {
            let z1 = (x[2] + x[6]) * 4433;
            let (even2, even3) = (z1 - x[6] * 15137, z1 + x[2] * 6270);
            let (even0, even1) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
            let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];
            let (z1, z2) = ((x[7] + x[1]) * -7373, (x[5] + x[3]) * -20995);
            let (z3, z4) = (x[7] + x[3], x[5] + x[1]);
            let z5 = (z3 + z4) * 9633;
            let (z3, z4) = (z3 * -16069 + z5, z4 * -3196 + z5);
            let odd = [
                x[1] * 12299 + z1 + z4,
                x[3] * 25172 + z2 + z3,
                x[5] * 16819 + z2 + z4,
                x[7] * 2446 + z1 + z3,
            ];
            std::array::from_fn(|i| {
                let value = if i < 4 {
                    even[i] + odd[i]
                } else {
                    even[7 - i] - odd[7 - i]
                };
                (value + (1 << (shift - 1))) >> shift
            })
        }
        let mut columns = [[0; 8]; 8];
        for (x, column) in columns.iter_mut().enumerate() {
            let at = |y: usize| y * 8 + x;
            let values = |y| i64::from(coefficients[at(y)]) * i64::from(quantizers[at(y)]);
            *column = transform(std::array::from_fn(values), 11);
        }
        std::array::from_fn(|y| {
            transform(std::array::from_fn(|x| columns[x][y]), 18)
                .map(|value| (value.clamp(-128, 127) + 128) as u8)
        })
    }

    fn quantizers() -> impl Strategy<Value = [u16; 64]> {
        prop_oneof![
            prop::array::uniform(1_u16..256),
            (1_u16..256).prop_map(|step| [step; 64]),
        ]
    }

    fn samples_of_a_block() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 64),
            prop::collection::vec(prop_oneof![Just(0_u8), Just(255)], 64),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// What an encoder writes, at any quality, never wraps nor saturates.
        #[test]
        fn encoded_blocks_are_transformed_without_overflow(
            block in samples_of_a_block(),
            quantizers in quantizers(),
        ) {
            let coefficients = encoded(&block, &quantizers);
            prop_assert_eq!(
                samples(&coefficients, &quantizers),
                unbounded(&coefficients, &quantizers)
            );
        }
    }

    #[test]
    fn damaged_coefficients_wrap_and_saturate_as_vector_registers_do() {
        let mut coefficients = [0; 64];
        // 2047 * 255 is -2303 in 16 bits: black in the place of white.
        coefficients[0] = 2047;
        let flat = samples(&coefficients, &[255; 64]);
        assert_eq!(flat, [[0; 8]; 8]);
        assert_ne!(flat, unbounded(&coefficients, &[255; 64]));
        // -16,384 times four wraps to zero on the short way, and saturates on the long one.
        coefficients[0] = -16_384;
        assert_eq!(samples(&coefficients, &[1; 64]), [[128; 8]; 8]);
        coefficients[63] = 1;
        assert_eq!(samples(&coefficients, &[1; 64]), [[0; 8]; 8]);
    }
}
