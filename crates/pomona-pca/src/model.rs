//! The fitted model: mean, components and the variance along each of them.

use crate::kernels::all_finite;
use crate::{PcaError, Projection};

/// A fitted principal component analysis of rows of d features, with k components kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PcaModel {
    n_samples: u64,
    mean: Vec<f64>,
    components: Vec<f64>,
    explained_variance: Vec<f64>,
    explained_variance_ratio: Vec<f64>,
}

impl PcaModel {
    /// A model from its parts, as read from a table: see the accessors for their shapes.
    ///
    /// # Errors
    ///
    /// [`PcaError::Inconsistent`] if lengths do not fit, a number is not finite, or variances are
    /// negative or not in descending order.
    pub fn new(
        n_samples: u64,
        mean: Vec<f64>,
        components: Vec<f64>,
        explained_variance: Vec<f64>,
        explained_variance_ratio: Vec<f64>,
    ) -> Result<Self, PcaError> {
        let model = Self {
            n_samples,
            mean,
            components,
            explained_variance,
            explained_variance_ratio,
        };
        model.validate()?;
        Ok(model)
    }

    fn validate(&self) -> Result<(), PcaError> {
        let d = self.mean.len();
        if d == 0 {
            return Err(PcaError::model("the mean is empty"));
        }
        let length = self.components.len();
        if length == 0 || !length.is_multiple_of(d) || length / d > d {
            return Err(PcaError::model(format!(
                "{length} numbers are not 1 to {d} components of {d} features"
            )));
        }
        let variances = [
            ("explained_variance", &self.explained_variance),
            ("explained_variance_ratio", &self.explained_variance_ratio),
        ];
        for (name, values) in variances {
            if values.len() != d {
                return Err(PcaError::model(format!(
                    "{name} has {} numbers for {d} features",
                    values.len()
                )));
            }
            if values.iter().any(|&value| value < 0.0) || !values.is_sorted_by(|a, b| a >= b) {
                return Err(PcaError::model(format!(
                    "{name} is negative or not descending"
                )));
            }
        }
        let parts = [
            &self.mean,
            &self.components,
            &self.explained_variance,
            &self.explained_variance_ratio,
        ];
        if !parts.into_iter().all(|part| all_finite(part)) {
            return Err(PcaError::model("a number is not finite"));
        }
        Ok(())
    }

    /// Rows the model was fitted on, n.
    pub fn n_samples(&self) -> u64 {
        self.n_samples
    }

    /// Features in a row, d.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Components kept.
    pub fn k(&self) -> usize {
        self.components.len() / self.mean.len()
    }

    /// The mean of each of the d features.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The components, k x d row-major, orthonormal, by descending variance. The largest absolute
    /// value of each row is positive, as scikit-learn fixes the sign.
    pub fn components(&self) -> &[f64] {
        &self.components
    }

    /// The variance along each of all d components, kept or not, in descending order; the sum of
    /// squares is divided by n - 1.
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// Each explained variance as a part of their sum; zeros if every row is the same.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.explained_variance_ratio
    }

    /// The same model with its first `k` components; with all of them if it has no more than `k`,
    /// and with one if `k` is 0.
    #[must_use]
    pub fn truncate(&self, k: usize) -> Self {
        let mut model = self.clone();
        model.components.truncate(k.max(1) * self.dimension());
        model
    }

    /// The projection of rows onto the components. With `center` the mean is subtracted first, as
    /// scikit-learn's `transform` does; without, it is not, as in Spark MLlib's, and every result
    /// differs by the same vector.
    pub fn projection(&self, center: bool) -> Projection {
        Projection::new(self, center)
    }
}
