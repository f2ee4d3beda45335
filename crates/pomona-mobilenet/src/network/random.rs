//! Random weights, for benchmarks and tests that have no file.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::architecture::Architecture;
use super::weights::{Weights, canonical_names, layer_shapes};
use super::weights_error::WeightsError;

impl Weights {
    /// Weights of a width and seed, for benchmarks and tests: uniform kernels of variance
    /// `2 / fan_in` (He et al. 2015, arXiv:1502.01852), so that activations keep their size from
    /// layer to layer, and batch normalisations that are not the identity.
    ///
    /// # Errors
    /// Only if Candle cannot make a tensor.
    pub fn random(width: f64, seed: u64) -> Result<Self, WeightsError> {
        Self::random_for(Architecture::keras(width, 224), seed)
    }

    /// Random weights for any architecture; see [`Weights::random`].
    ///
    /// # Errors
    /// Only if Candle cannot make a tensor.
    pub fn random_for(architecture: Architecture, seed: u64) -> Result<Self, WeightsError> {
        let mut numbers = SplitMix(seed);
        let mut tensors = HashMap::new();
        for (place, shape) in layer_shapes(&architecture) {
            let names = canonical_names(place);
            let fan_in: usize = shape[1..].iter().product();
            let limit = (6.0 / fan_in as f32).sqrt();
            let kernel = numbers.uniform(shape[0] * fan_in, -limit, limit);
            tensors.insert(
                names.kernel,
                Tensor::from_vec(kernel, &shape, &Device::Cpu)?,
            );
            for (part, low, high) in [
                ("weight", 0.8, 1.2),
                ("bias", -0.1, 0.3),
                ("running_mean", -0.1, 0.1),
                ("running_var", 0.8, 1.2),
            ] {
                let values = numbers.uniform(shape[0], low, high);
                tensors.insert(
                    format!("{}.{part}", names.normalization),
                    Tensor::from_vec(values, shape[0], &Device::Cpu)?,
                );
            }
        }
        Ok(Self::new(architecture, tensors, format!("random-{seed}")))
    }
}

/// Steele, Lea and Flood's SplitMix64 (doi:10.1145/2660193.2660195).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn uniform(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count)
            .map(|_| low + (high - low) * ((self.next() >> 40) as f32 / (1 << 24) as f32))
            .collect()
    }
}
