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

/// A batch normalisation: `gamma (x - mean) / sqrt(variance + epsilon) + beta`.
#[derive(Debug)]
pub(super) struct Normalization {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
    pub epsilon: f64,
}

impl FoldedConvolution {
    /// A convolution of the file with the normalisation after it.
    pub(crate) fn new(weights: &Weights, place: Place) -> Result<Self, WeightsError> {
        let names = canonical_names(place);
        let values = |name: &str| -> Result<Vec<f32>, WeightsError> {
            Ok(weights.require(name)?.flatten_all()?.to_vec1()?)
        };
        let part = |part: &str| values(&format!("{}.{part}", names.normalization));
        let normalization = Normalization {
            gamma: part("weight")?,
            beta: part("bias")?,
            mean: part("running_mean")?,
            variance: part("running_var")?,
            epsilon: weights.architecture().batch_norm_epsilon,
        };
        let folded = Self::fold(values(&names.kernel)?, &normalization);
        folded.ok_or_else(|| {
            // A variance below minus epsilon is finite, but its root is not a number.
            WeightsError::NotFinite(format!("{}.running_var", names.normalization))
        })
    }

    /// Folds a normalisation into kernel and bias, in f64 so that the only rounding is the last
    /// one; `None` if a value is not finite then.
    pub(crate) fn fold(mut kernel: Vec<f32>, normalization: &Normalization) -> Option<Self> {
        let Normalization {
            gamma,
            beta,
            mean,
            variance,
            epsilon,
        } = normalization;
        let taps = kernel.len() / gamma.len();
        let mut bias = Vec::with_capacity(gamma.len());
        for (channel, taps) in kernel.chunks_exact_mut(taps).enumerate() {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
            for tap in taps {
                *tap = (f64::from(*tap) * scale) as f32;
            }
            bias.push((f64::from(beta[channel]) - f64::from(mean[channel]) * scale) as f32);
        }
        let finite = kernel.iter().chain(&bias).all(|value| value.is_finite());
        finite.then_some(Self { kernel, bias, taps })
    }
}
