//! [`Feature`]: the numbers that rows are made of.

/// A number that rows are made of: `f32` or `f64`. Either is computed with in `f64`.
pub trait Feature: Copy + Into<f64> + sealed::Sealed {}

impl Feature for f32 {}
impl Feature for f64 {}

pub(crate) mod sealed {
    /// What the kernels need of the two types; it keeps others out.
    pub trait Sealed: Sized {
        /// The rows themselves, if they are of `f32`.
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
