//! [`ModelInfo`]: the model's numbers for people and for other programs, without the vectors.

use pomona_pca::PcaModel;
use serde::{Deserialize, Serialize};

/// `model_info.json`: what one looks at to choose the number of components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The number of vectors that the model was fitted on.
    pub n_samples: u64,
    /// The length of a vector.
    pub n_features: usize,
    /// The number of components that were kept.
    pub n_components: usize,
    /// The variance along each kept component.
    pub explained_variance: Vec<f64>,
    /// Its share of the total variance.
    pub explained_variance_ratio: Vec<f64>,
    /// The running sum of the shares.
    pub cumulative_variance_ratio: Vec<f64>,
    /// The share that the kept components explain together.
    pub total_explained_variance_ratio: f64,
}

impl From<&PcaModel> for ModelInfo {
    fn from(model: &PcaModel) -> Self {
        let k = model.k();
        let ratios = &model.explained_variance_ratio()[..k];
        let cumulative: Vec<f64> = ratios
            .iter()
            .scan(0.0, |sum, ratio| {
                *sum += ratio;
                Some(*sum)
            })
            .collect();
        Self {
            n_samples: model.n_samples(),
            n_features: model.dimension(),
            n_components: k,
            explained_variance: model.explained_variance()[..k].to_vec(),
            explained_variance_ratio: ratios.to_vec(),
            total_explained_variance_ratio: cumulative.last().copied().unwrap_or(0.0),
            cumulative_variance_ratio: cumulative,
        }
    }
}
