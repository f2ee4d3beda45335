//! The plan of each block: its packed weights, its tiling and the layout of its buffers.

use pomona_kernels::packing::{pack_depthwise, pad, padded};
use pomona_kernels::{BLOCK, Kernels, Places};

use super::aligned::Aligned;
use super::architecture::{Architecture, Block, output_size};
use super::folding::FoldedConvolution;
use super::names::Place;
use super::scratch::Sizes;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// Images that go through the small planes together, sharing each panel of weights.
pub(super) const GROUP: usize = 8;

/// Largest side of a plane that is expanded as a whole: 22 x 22 pixels of 16 channels are 31 KB,
/// most of a first-level cache.
const WHOLE: usize = 20;

/// Expanded channels between two additions to a block's output: enough that loading and storing
/// the sums costs little, few enough that the planes of several images stay in the cache.
const CHUNK: usize = 192;

/// A 1x1 convolution, or the first 3x3 one, with packed weights.
#[derive(Debug)]
pub(super) struct Dense {
    /// Whether the input and weights are in bf16 parts.
    pub in_parts: bool,
    /// Inputs an output: channels, times nine for the first convolution.
    pub depth: usize,
    /// Outputs, padded to whole blocks.
    pub columns: usize,
    /// Packed weights.
    pub weights: Aligned,
    /// Padded biases.
    pub bias: Aligned,
}

impl Dense {
    /// The first convolution: from colour, row, column to row, column, colour.
    pub(crate) fn stem(kernels: &Kernels, weights: &Weights) -> Result<Self, WeightsError> {
        let folded = FoldedConvolution::new(weights, Place::Stem)?;
        let columns = folded.bias.len();
        let packed = kernels.pack_stem(columns, |column, step| {
            folded.kernel[column * folded.taps + step % 3 * 9 + step / 3]
        });
        Ok(Self::packed(folded.taps, &packed, &folded.bias))
    }

    /// A 1x1 convolution.
    pub(crate) fn new(
        kernels: &Kernels,
        weights: &Weights,
        place: Place,
    ) -> Result<Self, WeightsError> {
        let folded = FoldedConvolution::new(weights, place)?;
        let in_parts = kernels.in_parts(folded.taps, folded.bias.len());
        Ok(Self::channels(kernels, &folded, in_parts, 0..folded.taps))
    }

    /// The part of a 1x1 convolution that reads some channels.
    fn channels(
        kernels: &Kernels,
        folded: &FoldedConvolution,
        in_parts: bool,
        channels: std::ops::Range<usize>,
    ) -> Self {
        let columns = folded.bias.len();
        let packed = kernels.pack_product(in_parts, columns, channels.len(), |column, step| {
            folded.kernel[column * folded.taps + channels.start + step]
        });
        Self {
            in_parts,
            ..Self::packed(channels.len(), &packed, &folded.bias)
        }
    }

    fn packed(depth: usize, weights: &[f32], bias: &[f32]) -> Self {
        Self {
            in_parts: false,
            depth,
            columns: padded(bias.len()),
            weights: Aligned::copy_of(weights),
            bias: Aligned::copy_of(&pad(bias)),
        }
    }
}

/// How a block iterates over its rows.
#[derive(Debug)]
pub(super) enum Tiling {
    /// One image, some rows at a time, all channels: for planes larger than the caches.
    Strips {
        /// Output rows a strip.
        rows: usize,
    },
    /// Several images, whole planes, two blocks of channels at a time: for small planes, whose
    /// weights are larger than the planes.
    Planes {
        /// Images at a time.
        images: usize,
        /// Offset of each of their pixels in the padded planes, in floats.
        places: Places,
    },
}

/// One inverted residual block, ready to run.
#[derive(Debug)]
pub(super) struct BlockPlan {
    /// Channels and stride.
    pub block: Block,
    /// Side of the input plane.
    pub input_size: usize,
    /// Side of the output plane.
    pub output_size: usize,
    /// Zeros before the first row and column.
    pub before: usize,
    /// The expansion; absent in the first block.
    pub expand: Option<Dense>,
    /// Packed depthwise weights.
    pub depthwise: Aligned,
    /// The projection, one a chunk of expanded channels.
    pub project: Vec<Dense>,
    /// Whether the output is stored in parts too, since the next convolution reads it so.
    pub out_parts: bool,
    /// Rows of a padded plane that are in memory at a time.
    pub ring: usize,
    /// How the block iterates over its rows.
    pub tiling: Tiling,
}

impl BlockPlan {
    fn new(
        kernels: &Kernels,
        weights: &Weights,
        index: usize,
        input_size: usize,
    ) -> Result<Self, WeightsError> {
        let architecture = weights.architecture();
        let block = architecture.blocks[index];
        let output_size = output_size(input_size, block.stride);
        let expand = block
            .expands()
            .then(|| Dense::new(kernels, weights, Place::Expand(index)))
            .transpose()?;
        let depthwise = FoldedConvolution::new(weights, Place::Depthwise(index))?;
        let project = FoldedConvolution::new(weights, Place::Project(index))?;
        let next = architecture.blocks.get(index + 1);
        let next = next.map_or(architecture.features, |next| next.expanded);
        let out_parts = kernels.in_parts(block.output, next);
        let whole = expand.is_some() && input_size <= WHOLE;
        // Sums in tiles are kept over all channels, as they cannot start from stored ones.
        let project_parts = kernels.in_parts(block.expanded, block.output);
        let chunk = if whole && !project_parts {
            CHUNK
        } else {
            block.expanded
        };
        let project = (0..block.expanded)
            .step_by(chunk)
            .map(|first| {
                let depths = first..(first + chunk).min(block.expanded);
                Dense::channels(kernels, &project, project_parts, depths)
            })
            .collect();
        let (ring, tiling) = if whole {
            // Images that have about 200 pixels together: enough to amortise a panel of
            // weights, few enough that two of their planes stay in the first-level cache.
            let pixels = input_size * input_size;
            let images = (200 / pixels).clamp(1, GROUP);
            let width = input_size + 2;
            let plane = (input_size + 1) * width;
            let mut places = Places::with_capacity(pixels * images);
            let rows = (0..images * input_size).map(|row| {
                let (image, row) = (row / input_size, row % input_size);
                (image * plane + row * width + 1) * BLOCK
            });
            places.set(rows, input_size);
            (input_size, Tiling::Planes { images, places })
        } else {
            // Input rows at a time: with the two before them, a panel of 56 pixels a side is 30 KB
            // and one of 28 is 23 KB, most of a first-level cache.
            let rows = if input_size > 40 { 2 } else { 4 } / block.stride;
            (rows * block.stride + 2, Tiling::Strips { rows })
        };
        Ok(Self {
            block,
            input_size,
            output_size,
            before: architecture.padding.before(input_size, block.stride),
            expand,
            depthwise: Aligned::copy_of(&pack_depthwise(&depthwise.kernel, &depthwise.bias)),
            project,
            out_parts,
            ring,
            tiling,
        })
    }

    /// Floats a row of a padded plane.
    pub(crate) fn row(&self) -> usize {
        (self.input_size + 2) * BLOCK
    }

    /// Floats a padded plane: the ring and one row of zeros.
    pub(crate) fn plane(&self) -> usize {
        (self.ring + 1) * self.row()
    }

    /// Where input row `row` starts in a padded plane, at the first pixel of an output row:
    /// in the ring, or the row of zeros if it is outside the image.
    pub(crate) fn row_start(&self, row: usize) -> u32 {
        // `row` counts from the first padding row, so that it is never negative.
        let inside = row
            .checked_sub(self.before)
            .filter(|row| *row < self.input_size);
        let row = inside.map_or(self.ring, |row| row % self.ring);
        (row * self.row() + (1 - self.before) * BLOCK) as u32
    }

    /// Most pixels that are expanded together in strips: the rows of the ring.
    pub(crate) fn strip_pixels(&self) -> usize {
        self.ring * self.input_size
    }

    /// Floats of padded planes that are in memory at a time.
    pub(crate) fn expanded_len(&self) -> usize {
        let blocks = match self.tiling {
            Tiling::Strips { .. } => padded(self.block.expanded) / BLOCK,
            Tiling::Planes { images, .. } => 2 * images,
        };
        blocks * self.plane()
    }

    /// Floats between the depthwise convolution and the projection.
    pub(crate) fn depthwise_len(&self, kernels: &Kernels) -> usize {
        let pixels = match self.tiling {
            Tiling::Strips { rows } => rows * self.output_size,
            Tiling::Planes { images, .. } => images * self.output_size * self.output_size,
        };
        let project = &self.project[0];
        let planes = match project.in_parts {
            true => kernels.part_planes(project.depth),
            false => padded(project.depth) / BLOCK,
        };
        planes * pixels * BLOCK
    }

    /// Floats per image of the block's output: planes of f32, then those in parts.
    pub(crate) fn output_len(&self, kernels: &Kernels) -> usize {
        let parts = match self.out_parts {
            true => kernels.part_planes(self.block.output),
            false => 0,
        };
        let planes = padded(self.block.output) / BLOCK + parts;
        self.output_size * self.output_size * planes * BLOCK
    }
}

/// The whole network, ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first convolution.
    pub stem: Dense,
    /// Zeros before the image's first row and column.
    pub stem_before: usize,
    /// The blocks in order.
    pub blocks: Vec<BlockPlan>,
    /// Blocks that take one image at a time; those after it take a group.
    pub single: usize,
    /// The last convolution.
    pub last: Dense,
    /// The sizes of the buffers of a thread.
    pub scratch: Sizes,
}

impl Plan {
    /// Packs weights for an instruction set.
    pub(crate) fn new(kernels: &Kernels, weights: &Weights) -> Result<Self, WeightsError> {
        let architecture: &Architecture = weights.architecture();
        let blocks = (0..architecture.blocks.len())
            .zip(architecture.block_sizes())
            .map(|(index, size)| BlockPlan::new(kernels, weights, index, size))
            .collect::<Result<Vec<_>, _>>()?;
        let single = blocks
            .iter()
            .position(|plan| matches!(plan.tiling, Tiling::Planes { .. }))
            .unwrap_or(blocks.len());
        let scratch = Sizes::new(
            &blocks,
            single,
            kernels,
            architecture.input_size,
            architecture.features,
        );
        Ok(Self {
            scratch,
            stem: Dense::stem(kernels, weights)?,
            stem_before: architecture.padding.before(architecture.input_size, 2),
            blocks,
            single,
            last: Dense::new(kernels, weights, Place::Last)?,
        })
    }
}
