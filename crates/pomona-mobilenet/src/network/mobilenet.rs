//! The network on a CPU: packed weights, shared by all threads.

use super::architecture::Architecture;
use super::classifier::Classifier;
use super::forward::Forward;
use super::kernels::{Isa, Kernels, Precision};
use super::plan::{GROUP, Plan};
use super::scratch::Scratch;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// MobileNetV2 for one instruction set: its features, and its classifier beside them.
///
/// Immutable: share one as an [`std::sync::Arc`] and give each thread its own [`Scratch`].
#[derive(Debug)]
pub struct MobileNetV2 {
    architecture: Architecture,
    kernels: Kernels,
    precision: Precision,
    plan: Plan,
    classifier: Option<Classifier>,
}

impl MobileNetV2 {
    /// Packs weights for the best instruction set of this processor, in f32.
    ///
    /// # Errors
    /// A weight that does not fold with its batch normalisation to a finite value.
    pub fn new(weights: &Weights) -> Result<Self, WeightsError> {
        Self::with_precision(weights, Precision::F32)
    }

    /// Packs weights for the best instruction set of this processor, in a given precision.
    ///
    /// # Errors
    /// As [`MobileNetV2::new`], or the processor has no instructions for that precision.
    pub fn with_precision(weights: &Weights, precision: Precision) -> Result<Self, WeightsError> {
        let isa = match precision {
            Precision::F32 => Isa::detect(),
            Precision::Bf16 => Isa::Amx,
        };
        Self::with_isa(weights, isa, precision)
    }

    /// Packs weights for a given instruction set and precision.
    ///
    /// # Errors
    /// As [`MobileNetV2::with_precision`], or the processor lacks the instruction set.
    pub fn with_isa(
        weights: &Weights,
        isa: Isa,
        precision: Precision,
    ) -> Result<Self, WeightsError> {
        let needed = match precision {
            Precision::F32 => isa,
            Precision::Bf16 => Isa::Amx,
        };
        let kernels =
            Kernels::new(isa, precision).ok_or(WeightsError::InstructionSet(needed.name()))?;
        Ok(Self {
            architecture: weights.architecture().clone(),
            kernels,
            precision,
            plan: Plan::new(&kernels, weights)?,
            classifier: Classifier::new(kernels, weights)?,
        })
    }

    /// Length of a feature vector: 1280 for widths up to 1.0.
    pub fn feature_len(&self) -> usize {
        self.architecture.features
    }

    /// Side in pixels of the square that the network takes.
    pub fn input_size(&self) -> usize {
        self.architecture.input_size
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// The precision of the dense convolutions.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The shape of the network.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What turns features into classes; none where the weights have no head.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// Features of `N` pictures, on the calling thread and without allocating.
    ///
    /// `images` is `N x S x S x 3` bytes, RGB, S being [`input_size`](Self::input_size); `out` is
    /// `N x feature_len` floats. Pictures go through the later layers eight at a time, which share
    /// each panel of weights, so a call with eight costs less than eight calls.
    ///
    /// # Panics
    /// If a length is not that of a whole number of pictures, the same for both slices, or if the
    /// scratch was made for another network.
    pub fn features_into(&self, scratch: &mut Scratch, images: &[u8], out: &mut [f32]) {
        self.features_observed(scratch, images, out, |_| ());
    }

    /// [`features_into`](Self::features_into) that calls `done` with the index of each part as it
    /// is complete, for profiles: the blocks 0 to 16, the first with the convolution before it,
    /// and 17 for the last convolution. Blocks on large planes take one picture at a time and the
    /// others up to eight.
    ///
    /// # Panics
    /// As [`features_into`](Self::features_into).
    pub fn features_observed(
        &self,
        scratch: &mut Scratch,
        images: &[u8],
        out: &mut [f32],
        mut done: impl FnMut(usize),
    ) {
        let picture = self.input_size() * self.input_size() * 3;
        assert!(
            images.len().is_multiple_of(picture)
                && out.len() == images.len() / picture * self.feature_len(),
            "{} bytes of pictures of {picture} and {} features of {} are not the same number of pictures",
            images.len(),
            out.len(),
            self.feature_len(),
        );
        for (images, out) in images
            .chunks(GROUP * picture)
            .zip(out.chunks_mut(GROUP * self.feature_len()))
        {
            let pictures = images.len() / picture;
            let forward = Forward::new(&self.plan, &self.kernels, pictures);
            forward.run(scratch, images, out, &mut done);
        }
    }

    pub(super) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }
}
