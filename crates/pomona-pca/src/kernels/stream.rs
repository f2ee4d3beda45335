//! Loops that are bound by memory rather than arithmetic, compiled for the widest vectors of the processor.

use pulp::{Arch, NullaryFnOnce};

use super::gram::{PANEL, row_start};

/// Writes a row into the panels of a block, widened to `f64`. `at` is the offset of the row in the
/// first panel, and the panels lie `stride` numbers apart.
pub(crate) fn widen_row<T: Copy + Into<f64>>(
    row: &[T],
    block: &mut [f64],
    at: usize,
    stride: usize,
) {
    struct Widen<'a, T>(&'a [T], &'a mut [f64], usize, usize);

    impl<T: Copy + Into<f64>> NullaryFnOnce for Widen<'_, T> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(row, block, at, stride) = self;
            for (panel, columns) in row.chunks(PANEL).enumerate() {
                let target = &mut block[at + panel * stride..][..columns.len()];
                for (target, &value) in target.iter_mut().zip(columns) {
                    *target = value.into();
                }
            }
        }
    }
    Arch::new().dispatch(Widen(row, block, at, stride));
}

/// Subtracts from each column of one panel, `rows` rows of `PANEL` numbers, its mean, and returns
/// the means, each as the sum of two numbers.
///
/// The first row is subtracted before anything is summed: the differences of rows that
/// are far from zero and near to one another are exact or nearly so, and have few digits.
pub(crate) fn center_columns(panel: &mut [f64]) -> [(f64, f64); PANEL] {
    struct Center<'a>(&'a mut [f64]);

    impl NullaryFnOnce for Center<'_> {
        type Output = [(f64, f64); PANEL];

        #[inline(always)]
        fn call(self) -> [(f64, f64); PANEL] {
            let (rows, _) = self.0.as_chunks_mut::<PANEL>();
            let Some(&first) = rows.first() else {
                return [(0.0, 0.0); PANEL];
            };
            let mut mean = [0.0; PANEL];
            for row in rows.iter() {
                for ((mean, value), first) in mean.iter_mut().zip(row).zip(&first) {
                    *mean += value - first;
                }
            }
            let count = rows.len() as f64;
            for mean in &mut mean {
                *mean /= count;
            }
            for row in rows {
                for ((value, mean), first) in row.iter_mut().zip(&mean).zip(&first) {
                    *value = (*value - first) - mean;
                }
            }
            std::array::from_fn(|column| (first[column], mean[column]))
        }
    }
    Arch::new().dispatch(Center(panel))
}

/// `packed += sign * (other + weight * delta delta^T)` over packed upper triangles.
pub(crate) fn add_scaled_outer(
    packed: &mut [f64],
    other: &[f64],
    delta: &[f64],
    weight: f64,
    sign: f64,
) {
    struct Outer<'a>(&'a mut [f64], &'a [f64], &'a [f64], f64, f64);

    impl NullaryFnOnce for Outer<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(packed, other, delta, weight, sign) = self;
            let d = delta.len();
            for i in 0..d {
                let (start, end) = (row_start(d, i), row_start(d, i + 1));
                let scale = weight * delta[i];
                let row = packed[start..end].iter_mut().zip(&other[start..end]);
                for ((target, other), delta) in row.zip(&delta[i..]) {
                    *target += sign * (other + scale * delta);
                }
            }
        }
    }
    assert_eq!(packed.len(), other.len());
    assert_eq!(packed.len(), row_start(delta.len(), delta.len()));
    Arch::new().dispatch(Outer(packed, other, delta, weight, sign));
}

/// Whether there is neither a NaN nor an infinity.
pub(crate) fn all_finite<T: Copy + Into<f64>>(values: &[T]) -> bool {
    struct Finite<'a, T>(&'a [T]);

    impl<T: Copy + Into<f64>> NullaryFnOnce for Finite<'_, T> {
        type Output = bool;

        #[inline(always)]
        fn call(self) -> bool {
            // One branch per chunk: a branch per number would prevent vectorisation.
            self.0.chunks(1024).all(|chunk| {
                chunk
                    .iter()
                    .fold(true, |finite, &value| finite & value.into().is_finite())
            })
        }
    }
    Arch::new().dispatch(Finite(values))
}
