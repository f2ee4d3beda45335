//! [`MomentsParts`]: the moments as numbers, as they are sent between partitions.

use crate::PcaError;
use crate::kernels::{all_finite, row_start};

/// The numbers that the moments of rows of d features consist of.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentsParts {
    /// Rows.
    pub count: u64,
    /// The mean of each feature, d numbers.
    pub mean: Vec<f64>,
    /// The rounding error of `mean`, d numbers: `mean + mean_low` has twice the digits of `f64`. Zeros
    /// if unknown; merging then has a relative error of 1e-16 times the ratio of mean to spread.
    pub mean_low: Vec<f64>,
    /// The row-major packed upper triangle of the comoment, d (d + 1) / 2 numbers: the products of
    /// feature 0 with features 0..d, then of feature 1 with features 1..d, and so on.
    pub comoment: Vec<f64>,
}

impl MomentsParts {
    /// Checks that rows can have these moments.
    pub(crate) fn check(&self) -> Result<(), PcaError> {
        let d = self.mean.len();
        let expected = row_start(d, d);
        if d == 0 {
            return Err(PcaError::NoFeatures);
        }
        if self.mean_low.len() != d {
            return Err(PcaError::moments(format!(
                "mean_low has {} numbers for {d} features",
                self.mean_low.len()
            )));
        }
        if self.comoment.len() != expected {
            return Err(PcaError::moments(format!(
                "{d} features have a packed triangle of {expected} numbers, not {}",
                self.comoment.len()
            )));
        }
        let parts = [&self.mean, &self.mean_low, &self.comoment];
        if !parts.into_iter().all(|part| all_finite(part)) {
            return Err(PcaError::moments("a number is not finite"));
        }
        if let Some(i) = (0..d).find(|&i| self.comoment[row_start(d, i)] < 0.0) {
            return Err(PcaError::moments(format!(
                "feature {i} has a negative sum of squares"
            )));
        }
        let mut means = self.mean.iter().chain(&self.mean_low);
        if self.count == 0 && means.any(|&mean| mean != 0.0) {
            return Err(PcaError::moments("a mean of no rows"));
        }
        if self.count < 2 && self.comoment.iter().any(|&product| product != 0.0) {
            return Err(PcaError::moments("centred products of fewer than 2 rows"));
        }
        Ok(())
    }
}
