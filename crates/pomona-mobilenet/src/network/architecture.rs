//! The shape of MobileNetV2: its seventeen blocks, width multiplier, padding and batch-norm epsilon.

/// Where a strided convolution pads with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// TensorFlow's SAME: the output has `ceil(size / stride)` positions and an odd zero goes to
    /// the bottom and right, so that stride 2 on an even size pads 0 before and 1 after.
    TensorFlowSame,
    /// PyTorch's `padding=1`: one zero on every side.
    Symmetric,
}

impl Padding {
    /// Zeros before the first row (and column) of an input of `size` under a 3x3 kernel.
    pub fn before(self, size: usize, stride: usize) -> usize {
        match self {
            Self::Symmetric => 1,
            Self::TensorFlowSame => {
                let needed = (output_size(size, stride) - 1) * stride + 3;
                needed.saturating_sub(size) / 2
            }
        }
    }
}

/// Rows (and columns) of the output of a padded 3x3 convolution; the same for both paddings.
pub fn output_size(size: usize, stride: usize) -> usize {
    size.div_ceil(stride)
}

/// One inverted residual block: expand 1x1, depthwise 3x3, project 1x1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Input channels.
    pub input: usize,
    /// Channels between the two 1x1 convolutions; equal to `input` in the first block, which has
    /// no expansion.
    pub expanded: usize,
    /// Output channels.
    pub output: usize,
    /// Stride of the depthwise convolution: 1 or 2.
    pub stride: usize,
}

impl Block {
    /// Whether a 1x1 expansion comes before the depthwise convolution.
    pub fn expands(&self) -> bool {
        self.expanded != self.input
    }

    /// Whether the block's input is added to its output.
    pub fn residual(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }
}

/// A complete description of one MobileNetV2 (Sandler et al. 2018, table 2, arXiv:1801.04381).
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Width multiplier, 1.0 for the standard network.
    pub width: f64,
    /// Side of the square input in pixels.
    pub input_size: usize,
    /// Where strided convolutions pad with zeros.
    pub padding: Padding,
    /// Epsilon of every batch normalisation.
    pub batch_norm_epsilon: f64,
    /// Channels after the first 3x3 convolution.
    pub stem: usize,
    /// The inverted residual blocks in order; the first has no expansion.
    pub blocks: Vec<Block>,
    /// Channels after the last 1x1 convolution: the length of the feature vector.
    pub features: usize,
}

/// Expansion, channels, repeats and first stride of each stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

impl Architecture {
    /// The Keras network: SAME padding and batch-norm epsilon 1e-3.
    pub fn keras(width: f64, input_size: usize) -> Self {
        Self::new(width, input_size, Padding::TensorFlowSame, 1e-3)
    }

    /// The network of torchvision and timm: symmetric padding and batch-norm epsilon 1e-5.
    pub fn torch(width: f64, input_size: usize) -> Self {
        Self::new(width, input_size, Padding::Symmetric, 1e-5)
    }

    /// The network of a given width, input, padding and epsilon.
    pub fn new(width: f64, input_size: usize, padding: Padding, batch_norm_epsilon: f64) -> Self {
        let stem = make_divisible(32.0 * width);
        let mut input = stem;
        let mut blocks = Vec::with_capacity(17);
        for (expansion, channels, repeats, first_stride) in STAGES {
            let output = make_divisible(channels as f64 * width);
            for repeat in 0..repeats {
                blocks.push(Block {
                    input,
                    expanded: input * expansion,
                    output,
                    stride: if repeat == 0 { first_stride } else { 1 },
                });
                input = output;
            }
        }
        Self {
            width,
            input_size,
            padding,
            batch_norm_epsilon,
            stem,
            blocks,
            features: make_divisible(1280.0 * width.max(1.0)),
        }
    }

    /// Side of the input of each block, and of the output of the last.
    pub fn block_sizes(&self) -> Vec<usize> {
        let mut size = output_size(self.input_size, 2);
        let mut sizes = vec![size];
        for block in &self.blocks {
            size = output_size(size, block.stride);
            sizes.push(size);
        }
        sizes
    }

    /// Operations of an image in each block, and in the last convolution: a multiplication and an addition are two, and the
    /// zeros that pad channels are not counted.
    pub fn operations(&self) -> Vec<u64> {
        let sizes = self.block_sizes();
        let blocks = self
            .blocks
            .iter()
            .zip(sizes.windows(2))
            .map(|(block, sides)| {
                let (from, to) = (sides[0] * sides[0], sides[1] * sides[1]);
                let expand = match block.expands() {
                    true => from * block.input * block.expanded,
                    // The first convolution, 3x3 of three colors, is counted with the block that does not expand.
                    false => from * 27 * block.input,
                };
                expand + to * block.expanded * 9 + to * block.expanded * block.output
            });
        let last = self.blocks.last().map_or(self.stem, |block| block.output);
        let side = sizes[sizes.len() - 1];
        let multiplications = blocks.chain([side * side * last * self.features]);
        multiplications.map(|count| 2 * count as u64).collect()
    }
}

/// Rounds channels to the nearest multiple of eight, never losing more than a tenth (the
/// `_make_divisible` of the TensorFlow models repository, Keras, timm and torchvision).
pub fn make_divisible(channels: f64) -> usize {
    let rounded = (((channels + 4.0) as usize) / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels {
        rounded + 8
    } else {
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_width_has_the_table_of_the_paper() {
        let net = Architecture::keras(1.0, 224);
        assert_eq!(net.stem, 32);
        assert_eq!(net.features, 1280);
        assert_eq!(net.blocks.len(), 17);
        assert!(!net.blocks[0].expands());
        assert_eq!(net.blocks[1].expanded, 96);
        assert_eq!(net.blocks[16].output, 320);
        assert_eq!(net.blocks.iter().filter(|b| b.residual()).count(), 10);
        assert_eq!(net.block_sizes()[0], 112);
        assert_eq!(net.block_sizes()[17], 7);
        // The 300 million multiplications of the paper, 1.3 million of the classifier left out.
        let operations: u64 = net.operations().iter().sum();
        assert_eq!(operations, 2 * 299_494_272);
    }

    #[test]
    fn narrow_and_wide_networks_round_as_keras_does() {
        let narrow = Architecture::keras(0.35, 224);
        assert_eq!((narrow.stem, narrow.features), (16, 1280));
        let outputs: Vec<_> = narrow.blocks.iter().map(|b| b.output).collect();
        assert_eq!(
            outputs,
            [
                8, 8, 8, 16, 16, 16, 24, 24, 24, 24, 32, 32, 32, 56, 56, 56, 112
            ]
        );
        let wide = Architecture::keras(1.4, 224);
        assert_eq!((wide.stem, wide.features), (48, 1792));
    }

    #[test]
    fn padding_before_depends_on_parity_only_for_tensorflow() {
        assert_eq!(Padding::TensorFlowSame.before(224, 2), 0);
        assert_eq!(Padding::TensorFlowSame.before(7, 2), 1);
        assert_eq!(Padding::TensorFlowSame.before(56, 1), 1);
        assert_eq!(Padding::Symmetric.before(224, 2), 1);
    }
}
