//! The centre of a column of a block, and its scale to whole numbers.

use super::SIDE;

/// Bits of a whole number below its first digit.
const LOWER: i32 = 32;

/// The extremes and the rough sum of sixteen columns of a block.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) least: [f32; SIDE],
    pub(super) largest: [f32; SIDE],
    pub(super) sum: [f32; SIDE],
}

/// How sixteen columns become whole numbers: `q = round(scale x - origin)`, with
/// `|q| <= 126.5 * 2^32`, so that `x = shift + q unit` to half a unit.
///
/// Units are powers of two, and shifts multiples of `2^32` units. A feature that is a multiple of
/// the unit is then kept exactly, and one that is 0, or any short number, has digits that are mostly
/// zeros. A column of equal values has unit 0 and its value for a shift.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) scale: [f64; SIDE],
    pub(super) origin: [f64; SIDE],
    pub(super) shift: [f64; SIDE],
    pub(super) unit: [f64; SIDE],
}

impl Scale {
    /// The finest scale for columns of `rows` rows.
    #[inline(always)]
    pub(super) fn new(extent: &Extent, rows: usize) -> Self {
        let mut all = Self {
            scale: [0.0; SIDE],
            origin: [0.0; SIDE],
            shift: [0.0; SIDE],
            unit: [0.0; SIDE],
        };
        for j in 0..SIDE {
            let least = f64::from(extent.least[j]);
            let largest = f64::from(extent.largest[j]);
            // The sum may have lost digits or overflowed; any centre between the extremes is correct.
            let mean = (f64::from(extent.sum[j]) / rows as f64)
                .max(least)
                .min(largest);
            let reach = f64::max(largest - mean, mean - least);
            // reach 64/63 < 2^(e+1), so reach 2^(38-e) < 63/64 2^39 = 126 2^32. Rounding the shift
            // adds half of 2^32.
            let exponent = ((reach * (64.0 / 63.0)).to_bits() >> 52) as i32 - 1023;
            let shift = (mean * power(38 - LOWER - exponent)).round_ties_even();
            let varies = reach > 0.0;
            let scale = if varies { power(38 - exponent) } else { 0.0 };
            let unit = if varies { power(exponent - 38) } else { 0.0 };
            let origin = if varies { shift * power(LOWER) } else { 0.0 };
            all.scale[j] = scale;
            all.origin[j] = origin;
            all.unit[j] = unit;
            all.shift[j] = if varies { origin * unit } else { mean };
        }
        all
    }
}

/// A power of two within the range of normal numbers.
#[inline(always)]
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(values: &[f32]) -> Scale {
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let extent = Extent {
            least: [least; SIDE],
            largest: [largest; SIDE],
            sum: [values.iter().sum(); SIDE],
        };
        Scale::new(&extent, values.len())
    }

    #[test]
    fn whole_numbers_use_the_range_and_stay_in_it() {
        let tiny = f32::from_bits(1);
        let columns: [&[f32]; 11] = [
            &[0.0, 6.0, 1.0, 0.25],
            &[-1.0, 1.0],
            &[-1.0, 0.984_375],
            &[1e30, -1e30, 1e-30],
            &[f32::MAX, f32::MIN, 0.0],
            &[f32::MAX, f32::MAX, 0.0, 0.0],
            &[tiny, 0.0, 3.0 * tiny],
            &[1e8, 1e8 + 8.0, 1e8 + 16.0],
            &[16_777_216.0, 16_777_215.0],
            &[-1e-3, 0.0, 1e6],
            &[6.0, 5.999_999_5],
        ];
        for values in columns {
            let found = scale(values);
            let mut largest = 0.0_f64;
            for &value in values {
                let exact = f64::from(value).mul_add(found.scale[3], -found.origin[3]);
                let whole = exact.round_ties_even();
                largest = largest.max(whole.abs());
                assert!(
                    whole.abs() <= 126.5 * 2.0_f64.powi(32),
                    "{values:?}: {whole}"
                );
                let back = found.shift[3] + whole * found.unit[3];
                let error = (back - f64::from(value)).abs();
                let rounding = f64::EPSILON * f64::from(value).abs();
                assert!(
                    error <= 0.5 * found.unit[3] + rounding,
                    "{values:?}: {back:e}"
                );
            }
            assert!(largest >= 62.0 * 2.0_f64.powi(32), "{values:?}: {largest}");
            assert_eq!(found.origin[3] % 2.0_f64.powi(32), 0.0);
        }
    }

    #[test]
    fn equal_values_are_the_shift() {
        for value in [0.0, -2.5, 1e-45, f32::MAX] {
            let found = scale(&[value; 3]);
            assert_eq!(found.shift[0], f64::from(value));
            assert_eq!(
                (found.scale[0], found.origin[0], found.unit[0]),
                (0.0, 0.0, 0.0)
            );
        }
    }
}
