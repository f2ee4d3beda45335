//! The network as plain Candle layers, on any device: the reference for tests of the CPU kernels, and
//! the implementation on devices without kernels.

use candle_core::{DType, Device, Tensor};

use super::architecture::{Architecture, output_size};
use super::folding::FoldedConvolution;
use super::names::Place;
use super::weights::{Weights, layer_shapes};
use super::weights_error::WeightsError;

/// MobileNetV2 made of Candle's own operations, NCHW, and independent of the kernels.
///
/// Dense convolutions are Candle's. A depthwise one is nine products and sums of whole tensors,
/// because Candle's grouped convolution runs one convolution a channel on every device.
#[derive(Debug, Clone)]
pub struct Reference {
    architecture: Architecture,
    device: Device,
    dtype: DType,
    layers: Vec<(Place, Tensor, Tensor)>,
}

/// The intermediate values of the reference.
#[derive(Debug, Clone)]
pub struct Stages {
    /// The normalised input, `N x 3 x S x S`, values in -1 to 1.
    pub input: Tensor,
    /// The output of each of the seventeen blocks, `N x C x H x W`.
    pub blocks: Vec<Tensor>,
    /// The output of the last 1x1 convolution, `N x features x H x W`.
    pub last: Tensor,
    /// The average over `last`'s pixels, `N x features`.
    pub features: Tensor,
}

impl Reference {
    /// Puts the weights on a device, in f32.
    ///
    /// # Errors
    /// A weight that does not fold to a finite value, or the device's own error.
    pub fn new(weights: &Weights, device: &Device) -> Result<Self, WeightsError> {
        Self::with_dtype(weights, device, DType::F32)
    }

    /// Puts the weights, folded in f32, on a device, and computes in a given type: in f64, the
    /// features are exact for the f32 weights to a relative error of 1e-15.
    ///
    /// # Errors
    /// As [`Reference::new`].
    pub fn with_dtype(
        weights: &Weights,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, WeightsError> {
        let architecture = weights.architecture().clone();
        let mut layers = Vec::new();
        for (place, shape) in layer_shapes(&architecture) {
            let folded = FoldedConvolution::new(weights, place)?;
            let kernel = Tensor::from_vec(folded.kernel, &shape, &Device::Cpu)?;
            let bias = Tensor::from_vec(folded.bias, (1, shape[0], 1, 1), &Device::Cpu)?;
            let there = |tensor: Tensor| tensor.to_dtype(dtype)?.to_device(device);
            layers.push((place, there(kernel)?, there(bias)?));
        }
        Ok(Self {
            architecture,
            device: device.clone(),
            dtype,
            layers,
        })
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Features of `N x S x S x 3` u8 images on the same device, `N x features` of the type of
    /// the weights.
    ///
    /// # Errors
    /// A tensor of another shape, or the device's own error.
    pub fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.stages(images)?.features)
    }

    /// The features and all intermediate values.
    ///
    /// # Errors
    /// As [`Reference::forward`].
    pub fn stages(&self, images: &Tensor) -> candle_core::Result<Stages> {
        let input = images
            .to_dtype(self.dtype)?
            .permute((0, 3, 1, 2))?
            .contiguous()?
            .affine(1.0 / 127.5, -1.0)?;
        let mut blocks = Vec::with_capacity(self.architecture.blocks.len());
        let mut x = input.clone();
        let mut entered = x.clone();
        let mut last = x.clone();
        for (place, kernel, bias) in &self.layers {
            match *place {
                Place::Stem => {
                    let padded = self.pad(&x, 2, 0)?;
                    x = relu6(&padded.conv2d(kernel, 0, 2, 1, 1)?.broadcast_add(bias)?)?;
                    entered = x.clone();
                }
                Place::Expand(_) => {
                    x = relu6(&x.conv2d(kernel, 0, 1, 1, 1)?.broadcast_add(bias)?)?;
                }
                Place::Depthwise(block) => {
                    let stride = self.architecture.blocks[block].stride;
                    let sums = self.depthwise(&x, kernel, stride)?;
                    x = relu6(&sums.broadcast_add(bias)?)?;
                }
                Place::Project(block) => {
                    x = x.conv2d(kernel, 0, 1, 1, 1)?.broadcast_add(bias)?;
                    if self.architecture.blocks[block].residual() {
                        x = (x + &entered)?;
                    }
                    blocks.push(x.clone());
                    entered = x.clone();
                }
                Place::Last => {
                    last = relu6(&x.conv2d(kernel, 0, 1, 1, 1)?.broadcast_add(bias)?)?;
                }
            }
        }
        let features = last.mean((2, 3))?;
        Ok(Stages {
            input,
            blocks,
            last,
            features,
        })
    }

    /// Pads for a 3x3 convolution, and `more` rows and columns at the end.
    fn pad(&self, x: &Tensor, stride: usize, more: usize) -> candle_core::Result<Tensor> {
        let size = x.dim(3)?;
        let before = self.architecture.padding.before(size, stride);
        let after = ((output_size(size, stride) - 1) * stride + 3).saturating_sub(size + before);
        x.pad_with_zeros(2, before, after + more)?
            .pad_with_zeros(3, before, after + more)
    }

    /// A 3x3 convolution of each channel with its own kernel, `C x 1 x 3 x 3`.
    fn depthwise(&self, x: &Tensor, kernel: &Tensor, stride: usize) -> candle_core::Result<Tensor> {
        let (images, channels, size, _) = x.dims4()?;
        let size = output_size(size, stride);
        // With stride 2 the padded plane falls into four, by the parity of row and column: the
        // inputs of one tap are neighbours in one of them.
        let padded = self.pad(x, stride, stride - 1)?;
        let half = padded.dim(3)? / stride;
        let parities = padded.reshape((images, channels, half, stride, half, stride))?;
        let mut sums: Option<Tensor> = None;
        for row in 0..3 {
            for column in 0..3 {
                let inputs = parities
                    .narrow(3, row % stride, 1)?
                    .narrow(5, column % stride, 1)?
                    .narrow(2, row / stride, size)?
                    .narrow(4, column / stride, size)?
                    .reshape((images, channels, size, size))?;
                let taps = kernel.narrow(2, row, 1)?.narrow(3, column, 1)?;
                let taps = taps.reshape((1, channels, 1, 1))?;
                let product = inputs.broadcast_mul(&taps)?;
                sums = Some(match sums {
                    None => product,
                    Some(sums) => (sums + product)?,
                });
            }
        }
        sums.ok_or_else(|| candle_core::Error::Msg("a kernel without taps".into()))
    }
}

fn relu6(x: &Tensor) -> candle_core::Result<Tensor> {
    x.clamp(0f32, 6f32)
}
