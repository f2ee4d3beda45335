//! The layers of a network of convolutions, with their weights packed.

use pomona_kernels::packing::{pack_depthwise, pad};
use pomona_kernels::{Activation, BLOCK, Kernels, Run};

use super::super::aligned::Aligned;
use super::affine::Affine;
use super::planes::Planes;

/// A step of the forward pass. Tensors are named by their number.
#[derive(Debug)]
pub(super) enum Layer {
    /// A convolution, and the tensor that is added before its activation.
    Dense {
        dense: Dense,
        output: usize,
        residual: Option<usize>,
    },
    /// A depthwise convolution.
    Depthwise {
        depthwise: Depthwise,
        input: usize,
        output: usize,
    },
    /// A 1x1 convolution and the depthwise convolution of what it returns, some channels at a time.
    Expansion {
        dense: Dense,
        depthwise: Depthwise,
        output: usize,
    },
    /// Squeeze and excitation (Hu et al. 2018, arXiv:1709.01507) of a tensor in its place.
    Gate {
        tensor: usize,
        squeeze: Dense,
        excite: Dense,
    },
    /// 3x3, with a stride of 2 and a border of one pixel.
    MaxPool { input: usize, output: usize },
    /// Over all pixels of an image.
    Average { input: usize, output: usize },
}

impl Layer {
    /// The tensors that it reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = usize> {
        let [first, second] = match self {
            Self::Dense {
                dense, residual, ..
            } => [dense.tensor(), *residual],
            Self::Expansion { dense, .. } => [dense.tensor(), None],
            Self::Gate { tensor, .. } => [Some(*tensor), None],
            Self::Depthwise { input, .. }
            | Self::MaxPool { input, .. }
            | Self::Average { input, .. } => [Some(*input), None],
        };
        first.into_iter().chain(second)
    }

    /// The tensor that it writes.
    pub(super) fn writes(&self) -> usize {
        match self {
            Self::Dense { output, .. }
            | Self::Depthwise { output, .. }
            | Self::Expansion { output, .. }
            | Self::MaxPool { output, .. }
            | Self::Average { output, .. } => *output,
            Self::Gate { tensor, .. } => *tensor,
        }
    }
}

/// What a convolution reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The image.
    Image,
    /// A tensor.
    Tensor(usize),
    /// The vectors of a gate, which are no tensors.
    Vectors,
}

/// Where the inputs of an output lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    /// Rows and columns of the kernel.
    pub size: usize,
    /// Pixels from an output's input to its neighbour's.
    pub stride: usize,
    /// Rows above and columns left of the image that the first output reads.
    pub before: usize,
}

impl Taps {
    /// Rows below and columns right of an image of `size` pixels a side that the last of `outputs`
    /// reads.
    pub(super) fn after(&self, size: usize, outputs: usize) -> usize {
        ((outputs - 1) * self.stride + self.size).saturating_sub(self.before + size)
    }
}

/// A dense convolution.
#[derive(Debug)]
pub(super) struct Dense {
    pub source: Source,
    pub taps: Taps,
    /// Input channels.
    inputs: usize,
    /// Weights an output.
    pub depth: usize,
    pub weights: Aligned,
    pub bias: Aligned,
    pub activation: Activation,
    /// Known once the geometry of the source is.
    pub runs: Vec<Run>,
    /// Runs that are multiplied for all outputs before the next ones are.
    pub chunk: usize,
}

/// Bytes of a panel's weights that are multiplied for all outputs before the next ones are: they stay in
/// the first-level cache, at the price of loading and storing the sums once more.
const CHUNK: usize = 96 << 10;

impl Dense {
    /// Packs a convolution for the kernels.
    pub(super) fn new(
        kernels: &Kernels,
        source: Source,
        affine: &Affine,
        taps: Taps,
        activation: Activation,
    ) -> Self {
        let (inputs, kernel_taps) = (affine.inputs, affine.size * affine.size);
        let depth = inputs * kernel_taps;
        let weight = |output: usize, step: usize| {
            let (input, tap) = match source {
                // Rows of the kernel over interleaved colours.
                Source::Image => (step % inputs, step / inputs),
                // Blocks of channels, and under each tap the channels of a block.
                Source::Tensor(_) | Source::Vectors => {
                    let block = step / (BLOCK * kernel_taps);
                    let rest = step - block * BLOCK * kernel_taps;
                    let channels = BLOCK.min(inputs - block * BLOCK);
                    (block * BLOCK + rest % channels, rest / channels)
                }
            };
            affine.at(output, input, tap)
        };
        let packed = kernels.pack_convolution(affine.outputs(), depth, weight);
        Self {
            source,
            taps,
            inputs,
            depth,
            weights: Aligned::copy_of(&packed),
            bias: Aligned::copy_of(&pad(&affine.bias)),
            activation,
            runs: Vec::new(),
            chunk: 1,
        }
    }

    /// Output channels, padded to whole blocks.
    pub(super) fn columns(&self) -> usize {
        self.bias.len()
    }

    /// The tensor that it reads, if it does.
    pub(super) fn tensor(&self) -> Option<usize> {
        match self.source {
            Source::Tensor(tensor) => Some(tensor),
            Source::Image | Source::Vectors => None,
        }
    }

    /// Sets where the inputs of an output lie in an image whose rows have `row` floats, or in
    /// planes.
    pub(super) fn place(&mut self, kernels: &Kernels, row: usize, plane: usize) {
        let size = self.taps.size;
        let run = |offset: usize, len: usize| Run {
            offset: offset as u32,
            len: len as u32,
        };
        self.runs = match self.source {
            Source::Image => (0..size)
                .map(|tap| run(tap * row, size * self.inputs))
                .collect(),
            Source::Tensor(_) | Source::Vectors => (0..self.inputs.div_ceil(BLOCK))
                .flat_map(|block| (0..size * size).map(move |tap| (block, tap)))
                .map(|(block, tap)| {
                    let offset = block * plane + tap / size * row + tap % size * BLOCK;
                    run(offset, BLOCK.min(self.inputs - block * BLOCK))
                })
                .collect(),
        };
        self.chunk = chunk(kernels, self.depth, self.runs.len());
    }
}

/// How many of `runs` runs, of `depth` values together, are multiplied for all outputs before the next
/// ones are.
pub(super) fn chunk(kernels: &Kernels, depth: usize, runs: usize) -> usize {
    let bytes = depth * kernels.panel() * size_of::<f32>();
    runs.div_ceil(bytes.div_ceil(CHUNK))
}

/// A depthwise convolution.
#[derive(Debug)]
pub(super) struct Depthwise {
    pub taps: Taps,
    pub weights: Aligned,
    pub activation: Activation,
    /// Rows of the input in memory, of those that a panel of channels is expanded to.
    pub ring: usize,
}

impl Depthwise {
    /// Packs a convolution for the kernels.
    pub(super) fn new(affine: &Affine, taps: Taps, activation: Activation) -> Self {
        assert_eq!(
            affine.inputs, 1,
            "a depthwise convolution has an input an output"
        );
        Self {
            taps,
            weights: Aligned::copy_of(&pack_depthwise(&affine.kernel, &affine.bias)),
            activation,
            ring: 0,
        }
    }

    /// The border that an input of some size needs.
    pub(super) fn border(&self, input: &Planes, outputs: usize) -> usize {
        self.taps.before.max(self.taps.after(input.size, outputs))
    }
}
