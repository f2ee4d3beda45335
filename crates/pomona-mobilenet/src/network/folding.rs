//! Batch normalisation folded into the convolution before it.

use super::names::Place;
use super::weights::{Weights, canonical_names};
use super::weights_error::WeightsError;

/// A convolution with its batch normalisation inside.
#[derive(Debug, Clone)]
pub(super) struct FoldedConvolution {
    /// OIHW, flattened.
    pub kernel: Vec<f32>,
    /// One an output channel.
    pub bias: Vec<f32>,
    /// Kernel values an output channel: input channels a group x kernel height x kernel width.
    pub taps: usize,
}

impl FoldedConvolution {
    /// Folds `gamma (x - mean) / sqrt(variance + epsilon) + beta` into kernel and bias, in f64 so
    /// that the only rounding is the last one.
    pub(crate) fn new(weights: &Weights, place: Place) -> Result<Self, WeightsError> {
        let names = canonical_names(place);
        let values = |name: &str| -> Result<Vec<f32>, WeightsError> {
            Ok(weights.require(name)?.flatten_all()?.to_vec1()?)
        };
        let part = |part: &str| values(&format!("{}.{part}", names.normalization));
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let mut kernel = values(&names.kernel)?;
        let taps = kernel.len() / gamma.len();
        let epsilon = weights.architecture().batch_norm_epsilon;

        let mut bias = Vec::with_capacity(gamma.len());
        for (channel, taps) in kernel.chunks_exact_mut(taps).enumerate() {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
            for tap in taps {
                *tap = (f64::from(*tap) * scale) as f32;
            }
            bias.push((f64::from(beta[channel]) - f64::from(mean[channel]) * scale) as f32);
        }
        if kernel.iter().chain(&bias).all(|value| value.is_finite()) {
            Ok(Self { kernel, bias, taps })
        } else {
            // A variance below minus epsilon is finite, but its root is not a number.
            Err(WeightsError::NotFinite(format!(
                "{}.running_var",
                names.normalization
            )))
        }
    }
}
