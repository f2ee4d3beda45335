//! Vectors with their length, and unit vectors.

use std::ops::RangeInclusive;

/// The squared lengths for which they, and the roots of their products, have full precision.
const SQUARES: RangeInclusive<f64> = 1e-150..=1e150;

/// A vector of `f32` or `f64` that has a direction, with the square of its length.
pub(crate) struct Direction<'a, T> {
    vector: &'a [T],
    /// A power of two by which every number is multiplied: 1 unless squares would leave the range of
    /// `f64`, as they cannot for `f32`.
    scale: f64,
    square: f64,
}

impl<T: Copy + Into<f64>> Direction<'_, T> {
    /// The cosine of the angle between two vectors, in `f64`.
    pub(crate) fn cosine<U: Copy + Into<f64>>(&self, other: &Direction<U>) -> f64 {
        let product = dot((self.vector, self.scale), (other.vector, other.scale));
        // The root of the product, not the product of the roots: of a vector with itself it is
        // the square exactly, and the cosine 1.
        (product / (self.square * other.square).sqrt()).clamp(-1.0, 1.0)
    }
}

/// The direction of a vector, if it has one.
#[inline(always)]
pub(crate) fn direction<T: Copy + Into<f64>>(vector: Option<&[T]>) -> Option<Direction<'_, T>> {
    let vector = vector?;
    let square = dot((vector, 1.0), (vector, 1.0));
    if SQUARES.contains(&square) {
        return Some(Direction {
            vector,
            scale: 1.0,
            square,
        });
    }
    if square.is_nan() {
        return None;
    }
    let numbers = vector.iter().map(|&value| -> f64 { value.into() });
    let largest = numbers.fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return None;
    }
    let scale = f64::exp2((-largest.log2().floor()).clamp(-1022.0, 1022.0));
    let square = dot((vector, scale), (vector, scale));
    Some(Direction {
        vector,
        scale,
        square,
    })
}

/// Writes the vector divided by its length.
#[inline(always)]
pub(crate) fn write_unit<T: Copy + Into<f64>>(direction: &Direction<T>, unit: &mut [f32]) {
    let length = 1.0 / direction.square.sqrt();
    for (unit, &value) in unit.iter_mut().zip(direction.vector) {
        let value: f64 = value.into();
        *unit = (value * direction.scale * length) as f32;
    }
}

/// The sum of products in `f64`, of vectors each multiplied by a number. Its order is fixed, so that it
/// is the same on every processor.
#[inline(always)]
fn dot<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    (a, of_a): (&[T], f64),
    (b, of_b): (&[U], f64),
) -> f64 {
    const LANES: usize = 16;
    let product = |a: T, b: U| {
        let (a, b): (f64, f64) = (a.into(), b.into());
        (a * of_a) * (b * of_b)
    };
    let mut sums = [0.0_f64; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += product(a[lane], b[lane]);
        }
    }
    let rest: f64 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(&a, &b)| product(a, b))
        .sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_any_size_have_a_direction() {
        for size in [5e-324, 1e-300, 1e-45, 1.0, 1e39, 1e300] {
            let one = [3.0 * size, 4.0 * size];
            let other = [4.0, 3.0_f32];
            let cosine = direction(Some(&one))
                .expect("a direction")
                .cosine(&direction(Some(&other)).expect("a direction"));
            assert!((cosine - 0.96).abs() < 1e-15, "{size:e}: {cosine}");
            let mut unit = [0.0; 2];
            write_unit(&direction(Some(&one)).unwrap(), &mut unit);
            assert_eq!(unit, [0.6, 0.8]);
        }
    }

    #[test]
    fn some_have_none() {
        for vector in [
            [0.0; 2],
            [f64::NAN, 1.0],
            [f64::INFINITY, 1.0],
            [1e300, f64::NAN],
        ] {
            assert!(direction(Some(&vector)).is_none(), "{vector:?}");
        }
        assert!(direction::<f32>(None).is_none());
        assert!(direction::<f32>(Some(&[])).is_none());
    }
}
