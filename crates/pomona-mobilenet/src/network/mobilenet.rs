//! MobileNetV2 with its weights packed for a CPU, and on another device where one is asked for.

use candle_core::{DType, Device};
use pomona_kernels::{Isa, Kernels, Precision};

use super::architecture::Architecture;
use super::backbone::{Backbone, Preprocessing, Resize};
use super::classifier::Classifier;
use super::forward::Forward;
use super::plan::{GROUP, Plan};
use super::reference::Reference;
use super::scratch::with_scratch;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): images to features, and its classifier.
///
/// A [`Module`](candle_core::Module) whose [`forward`](candle_core::Module::forward) maps
/// `N x S x S x 3` u8 to `N x feature_len` f32. Immutable: threads share one as an
/// [`std::sync::Arc`].
#[derive(Debug)]
pub struct MobileNetV2 {
    architecture: Architecture,
    kernels: Kernels,
    precision: Precision,
    plan: Plan,
    /// Candle's layers, for a device without kernels of this crate.
    layers: Option<Reference>,
    classifier: Option<Classifier>,
}

impl MobileNetV2 {
    /// Packs weights for the best instruction set of this processor, or that of `POMONA_ISA`, in
    /// f32.
    ///
    /// # Errors
    /// A weight that does not fold with its batch normalisation to a finite value, or an
    /// instruction set in `POMONA_ISA` that cannot be used; see [`Isa::chosen`].
    pub fn new(weights: &Weights) -> Result<Self, WeightsError> {
        Self::with_precision(weights, Precision::F32)
    }

    /// Packs weights for the best instruction set of this processor, or that of `POMONA_ISA`, in
    /// a given precision.
    ///
    /// # Errors
    /// As [`MobileNetV2::new`], or the processor has no instructions for that precision.
    pub fn with_precision(weights: &Weights, precision: Precision) -> Result<Self, WeightsError> {
        Self::with_isa(weights, Isa::chosen()?, precision)
    }

    /// [`with_precision`](Self::with_precision) on the CPU. On another device the weights are there in
    /// that precision, for images that are there, and packed for images on the CPU in f32.
    ///
    /// # Errors
    /// As [`MobileNetV2::with_precision`], or the device's own error.
    pub fn with_device(
        weights: &Weights,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        if device.is_cpu() {
            return Self::with_precision(weights, precision);
        }
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        // A processor may lack the instructions that the precision needs on it.
        let mut network = Self::new(weights)?;
        network.layers = Some(Reference::with_dtype(weights, device, dtype)?);
        Ok(network)
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
        let kernels =
            Kernels::new(isa, precision).ok_or(WeightsError::InstructionSet(isa.name()))?;
        Ok(Self {
            architecture: weights.architecture().clone(),
            kernels,
            precision,
            plan: Plan::new(&kernels, weights)?,
            layers: None,
            classifier: Classifier::new(kernels, weights)?,
        })
    }

    /// Length of a feature vector: 1280 for widths up to 1.0.
    pub fn feature_len(&self) -> usize {
        self.architecture.features
    }

    /// Side of the square input in pixels.
    pub fn input_size(&self) -> usize {
        self.architecture.input_size
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// The precision of the dense convolutions on the CPU.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The shape of the network.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The layer from features to classes; `None` if the weights have no head.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// Operations of f32 a second, a multiplication and an addition being two, that the multipliers
    /// of one core do at best with this instruction set, measured now, to compare the rate of a
    /// profile with. AMX's tiles and AVX512_BF16 are not counted.
    pub fn operations_limit(&self) -> f64 {
        self.kernels.limit()
    }

    /// Minimum size in bytes of the buffers that a thread keeps for this network.
    pub fn scratch_bytes(&self) -> usize {
        self.plan.scratch.bytes()
    }

    /// The layers on another device than the CPU.
    pub(super) fn layers(&self) -> Option<&Reference> {
        self.layers.as_ref()
    }

    /// Features of `N x S x S x 3` bytes into `N x feature_len` floats, on the calling thread.
    pub(super) fn run(&self, images: &[u8], out: &mut [f32], done: &mut impl FnMut(usize)) {
        let image = self.input_size() * self.input_size() * 3;
        with_scratch(&self.plan.scratch, |scratch| {
            for (images, out) in images
                .chunks(GROUP * image)
                .zip(out.chunks_mut(GROUP * self.feature_len()))
            {
                let count = images.len() / image;
                let forward = Forward::new(&self.plan, &self.kernels, count);
                forward.run(scratch, images, out, done);
            }
        });
    }
}

impl Backbone for MobileNetV2 {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
    }

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            input_size: self.input_size(),
            resize: Resize::Stretch,
            mean: [0.5; 3],
            deviation: [0.5; 3],
        }
    }

    fn feature_len(&self) -> usize {
        self.architecture.features
    }

    fn device(&self) -> &Device {
        self.layers().map_or(&Device::Cpu, Reference::device)
    }

    fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }
}
