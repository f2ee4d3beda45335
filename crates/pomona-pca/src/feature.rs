//! [`Feature`]: the number types of rows.

/// A number type of rows: `f32` or `f64`. Sums are in `f64` for both.
pub trait Feature: Copy + Into<f64> + sealed::Sealed {}

impl Feature for f32 {}
impl Feature for f64 {}

pub(crate) mod sealed {
    /// What the kernels need of the two types; private, so that no other type implements [`Feature`].
    pub trait Sealed: Sized {
        /// The rows, if they are of `f32`.
        fn as_f32(rows: &[Self]) -> Option<&[f32]>;

        /// The nearest number of this type.
        fn round(value: f64) -> Self;
    }

    impl Sealed for f32 {
        fn as_f32(rows: &[f32]) -> Option<&[f32]> {
            Some(rows)
        }

        #[inline(always)]
        fn round(value: f64) -> f32 {
            value as f32
        }
    }

    impl Sealed for f64 {
        fn as_f32(_: &[f64]) -> Option<&[f32]> {
            None
        }

        #[inline(always)]
        fn round(value: f64) -> f64 {
            value
        }
    }
}
