//! The network as plain Candle layers, on any device: what the CPU kernels are checked against.

use candle_core::{DType, Device, Tensor};

use super::architecture::{Architecture, output_size};
use super::folding::FoldedConvolution;
use super::names::Place;
use super::weights::{Weights, layer_shapes};
use super::weights_error::WeightsError;

/// MobileNetV2 made of Candle's own convolutions, NCHW.
///
/// Slow on a CPU (a grouped convolution there is one convolution a channel) and independent of
/// the kernels, which is its use: tests, and devices that have no kernels.
#[derive(Debug, Clone)]
pub struct Reference {
    architecture: Architecture,
    layers: Vec<(Place, Tensor, Tensor)>,
}

/// What the reference computes at each step.
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
    /// Puts the weights on a device.
    ///
    /// # Errors
    /// A weight that does not fold to a finite value, or the device's own error.
    pub fn new(weights: &Weights, device: &Device) -> Result<Self, WeightsError> {
        let architecture = weights.architecture().clone();
        let mut layers = Vec::new();
        for (place, shape) in layer_shapes(&architecture) {
            let folded = FoldedConvolution::new(weights, place)?;
            let kernel = Tensor::from_vec(folded.kernel, &shape, device)?;
            let bias = Tensor::from_vec(folded.bias, (1, shape[0], 1, 1), device)?;
            layers.push((place, kernel, bias));
        }
        Ok(Self {
            architecture,
            layers,
        })
    }

    /// Features of `N x S x S x 3` u8 pictures, `N x features` f32.
    ///
    /// # Errors
    /// A tensor of another shape, or the device's own error.
    pub fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.stages(images)?.features)
    }

    /// The features and everything on the way to them.
    ///
    /// # Errors
    /// As [`Reference::forward`].
    pub fn stages(&self, images: &Tensor) -> candle_core::Result<Stages> {
        let input = images
            .to_dtype(DType::F32)?
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
                    x = self.convolve(&x, kernel, bias, 2, 1)?.clamp(0f32, 6f32)?;
                    entered = x.clone();
                }
                Place::Expand(_) => {
                    x = self.convolve(&x, kernel, bias, 1, 1)?.clamp(0f32, 6f32)?;
                }
                Place::Depthwise(block) => {
                    let block = &self.architecture.blocks[block];
                    let (stride, groups) = (block.stride, block.expanded);
                    x = self
                        .convolve(&x, kernel, bias, stride, groups)?
                        .clamp(0f32, 6f32)?;
                }
                Place::Project(block) => {
                    x = self.convolve(&x, kernel, bias, 1, 1)?;
                    if self.architecture.blocks[block].residual() {
                        x = (x + &entered)?;
                    }
                    blocks.push(x.clone());
                    entered = x.clone();
                }
                Place::Last => {
                    last = self.convolve(&x, kernel, bias, 1, 1)?.clamp(0f32, 6f32)?;
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

    fn convolve(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        stride: usize,
        groups: usize,
    ) -> candle_core::Result<Tensor> {
        let x = if kernel.dim(3)? == 3 {
            let size = x.dim(3)?;
            let before = self.architecture.padding.before(size, stride);
            let after =
                ((output_size(size, stride) - 1) * stride + 3).saturating_sub(size + before);
            x.pad_with_zeros(2, before, after)?
                .pad_with_zeros(3, before, after)?
        } else {
            x.clone()
        };
        x.conv2d(kernel, 0, stride, 1, groups)?.broadcast_add(bias)
    }
}
