//! [`Builder`]: a network of convolutions, a method a layer.

use pomona_kernels::{Activation, Isa, Kernels, Precision};

use super::super::weights_error::WeightsError;
use super::affine::Affine;
use super::image::Normalization;
use super::layer::{Dense, Depthwise, Layer, Source, Taps};
use super::packed::PackedNetwork;
use super::plan::Plan;
use super::planes::Planes;

/// A tensor of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// How the pixels beyond an image are counted; they are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Half a kernel on each side, as PyTorch's `padding=size // 2`.
    Symmetric,
    /// As many as the outputs need, the odd one below and right, as TensorFlow's `SAME`.
    Same,
}

/// How a kernel goes over an image, and what follows it.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Pixels from an output's inputs to its neighbour's: 1 or 2.
    pub stride: usize,
    /// The zeros around the image.
    pub padding: Padding,
    /// What follows.
    pub activation: Activation,
}

impl Window {
    /// The place of the inputs of the outputs, and the rows of these.
    fn taps(&self, kernel: usize, size: usize) -> (Taps, usize) {
        let outputs = match self.padding {
            Padding::Symmetric => (size + 2 * (kernel / 2) - kernel) / self.stride + 1,
            Padding::Same => size.div_ceil(self.stride),
        };
        let before = match self.padding {
            Padding::Symmetric => kernel / 2,
            Padding::Same => ((outputs - 1) * self.stride + kernel).saturating_sub(size) / 2,
        };
        let taps = Taps {
            size: kernel,
            stride: self.stride,
            before,
        };
        (taps, outputs)
    }
}

/// A network of convolutions in the making. Its methods add layers in the order in which they run.
///
/// # Panics
/// Methods panic where channels do not agree: the shapes of weights are checked as
/// [`Parameters`](super::Parameters) returns them. [`finish`](Builder::finish) panics where a kernel
/// larger than 1x1 reads what a depthwise convolution or a gate returns, since these write no border.
#[derive(Debug)]
pub struct Builder {
    kernels: Kernels,
    normalization: Normalization,
    input_size: usize,
    tensors: Vec<Planes>,
    layers: Vec<Layer>,
    /// Layers before this one take one image at a time.
    grouped_from: Option<usize>,
}

impl Builder {
    /// A network of square images, for an instruction set; AVX-512 for AMX, whose tiles hold no f32.
    ///
    /// # Errors
    /// When this processor lacks the instruction set.
    pub fn new(
        isa: Isa,
        input_size: usize,
        normalization: Normalization,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            kernels: f32_kernels(isa)?,
            normalization,
            input_size,
            tensors: Vec::new(),
            layers: Vec::new(),
            grouped_from: None,
        })
    }

    fn add(&mut self, channels: usize, size: usize) -> usize {
        self.tensors.push(Planes {
            channels,
            size,
            border: 0,
        });
        self.tensors.len() - 1
    }

    /// The first convolution, which reads the images.
    pub fn image(&mut self, affine: &Affine, window: Window) -> Value {
        assert_eq!(affine.inputs, 3);
        let (taps, outputs) = window.taps(affine.size, self.input_size);
        let dense = Dense::new(
            &self.kernels,
            Source::Image,
            affine,
            taps,
            window.activation,
        );
        let output = self.add(affine.outputs(), outputs);
        self.layers.push(Layer::Dense {
            dense,
            output,
            residual: None,
        });
        Value(output)
    }

    /// A convolution, to which a tensor of the same shape may be added before the activation.
    pub fn convolution(
        &mut self,
        input: Value,
        affine: &Affine,
        window: Window,
        residual: Option<Value>,
    ) -> Value {
        let dense = self.dense(input, affine, window);
        let (_, outputs) = window.taps(affine.size, self.tensors[input.0].size);
        let output = self.add(affine.outputs(), outputs);
        if let Some(residual) = residual {
            let (added, output) = (self.tensors[residual.0], self.tensors[output]);
            assert_eq!((added.channels, added.size), (output.channels, output.size));
        }
        self.layers.push(Layer::Dense {
            dense,
            output,
            residual: residual.map(|residual| residual.0),
        });
        Value(output)
    }

    fn dense(&self, input: Value, affine: &Affine, window: Window) -> Dense {
        let planes = self.tensors[input.0];
        assert_eq!(affine.inputs, planes.channels);
        let (taps, _) = window.taps(affine.size, planes.size);
        let source = Source::Tensor(input.0);
        Dense::new(&self.kernels, source, affine, taps, window.activation)
    }

    /// A depthwise convolution, 3x3 or 5x5.
    pub fn depthwise(&mut self, input: Value, affine: &Affine, window: Window) -> Value {
        let planes = self.tensors[input.0];
        assert_eq!(affine.outputs(), planes.channels);
        let (taps, outputs) = window.taps(affine.size, planes.size);
        let depthwise = Depthwise::new(affine, taps, window.activation);
        let output = self.add(planes.channels, outputs);
        self.layers.push(Layer::Depthwise {
            depthwise,
            input: input.0,
            output,
        });
        Value(output)
    }

    /// A 1x1 convolution with an activation and the depthwise convolution after it; what is between
    /// them is never in memory as a whole.
    pub fn expansion(
        &mut self,
        input: Value,
        expand: &Affine,
        activation: Activation,
        affine: &Affine,
        window: Window,
    ) -> Value {
        assert!(expand.size == 1 && expand.outputs() == affine.outputs());
        let point = Window {
            stride: 1,
            padding: Padding::Symmetric,
            activation,
        };
        let dense = self.dense(input, expand, point);
        let (taps, outputs) = window.taps(affine.size, self.tensors[input.0].size);
        let depthwise = Depthwise::new(affine, taps, window.activation);
        let output = self.add(affine.outputs(), outputs);
        self.layers.push(Layer::Expansion {
            dense,
            depthwise,
            output,
        });
        Value(output)
    }

    /// Squeeze and excitation: each channel times the sigmoid of a layer of the SiLU of a layer of
    /// the averages of all channels, in place.
    pub fn gate(&mut self, tensor: Value, squeeze: &Affine, excite: &Affine) {
        let channels = self.tensors[tensor.0].channels;
        assert!(squeeze.inputs == channels && excite.outputs() == channels);
        assert_eq!(squeeze.outputs(), excite.inputs);
        let dense = |affine: &Affine, activation: Activation| {
            let taps = Taps {
                size: 1,
                stride: 1,
                before: 0,
            };
            Dense::new(&self.kernels, Source::Vectors, affine, taps, activation)
        };
        let layer = Layer::Gate {
            tensor: tensor.0,
            squeeze: dense(squeeze, Activation::Silu),
            excite: dense(excite, Activation::Sigmoid),
        };
        self.layers.push(layer);
    }

    /// The largest values of 3x3 windows with a stride of 2 and a border of zeros, for tensors
    /// without values below zero.
    pub fn max_pool(&mut self, input: Value) -> Value {
        let planes = self.tensors[input.0];
        let output = self.add(planes.channels, planes.size.div_ceil(2));
        self.layers.push(Layer::MaxPool {
            input: input.0,
            output,
        });
        Value(output)
    }

    /// The average over the pixels of each channel.
    pub fn average(&mut self, input: Value) -> Value {
        let output = self.add(self.tensors[input.0].channels, 1);
        self.layers.push(Layer::Average {
            input: input.0,
            output,
        });
        Value(output)
    }

    /// Lets the layers from here on take up to eight images at a time: worth it where their weights
    /// are larger than their tensors.
    pub fn group(&mut self) {
        self.grouped_from = Some(self.layers.len());
    }

    /// The network whose features are a tensor of one pixel.
    ///
    /// # Panics
    /// If the tensor has more.
    pub fn finish(self, name: &'static str, features: Value) -> PackedNetwork {
        let grouped_from = self.grouped_from.unwrap_or(self.layers.len());
        PackedNetwork::convolutional(
            name,
            Plan::new(
                self.kernels,
                self.normalization,
                self.input_size,
                self.tensors,
                self.layers,
                grouped_from,
                features.0,
            ),
        )
    }
}

/// The kernels of f32 of an instruction set.
pub(super) fn f32_kernels(isa: Isa) -> Result<Kernels, WeightsError> {
    // The tiles of AMX would multiply f32 in three parts, in planes of another layout.
    let isa = if isa == Isa::Amx { Isa::Avx512 } else { isa };
    Kernels::new(isa, Precision::F32).ok_or(WeightsError::InstructionSet(isa.name()))
}
