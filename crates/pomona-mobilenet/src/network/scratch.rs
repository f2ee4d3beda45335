//! The buffers of a thread: allocated at its first forward pass, kept for those that follow.

use std::cell::Cell;

use pomona_kernels::packing::padded;
use pomona_kernels::{BLOCK, Kernels, Places};

use super::aligned::Aligned;
use super::plan::{BlockPlan, GROUP};

/// Rows of the image in memory: three for one output row, rounded up to a power of two.
pub(super) const IMAGE_ROWS: usize = 4;

/// Floats beyond the last pixel of an operand: tiles always read thirty-two pixels.
const SLACK: usize = 32 * BLOCK;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Calls `run` with this thread's buffers, at least as long as `sizes`; their content is arbitrary.
pub(super) fn with_scratch<R>(sizes: &Sizes, run: impl FnOnce(&mut Scratch) -> R) -> R {
    // Taken out of the cell, so that a nested pass (from an observer) has buffers of its own.
    let mut scratch = SCRATCH.take();
    scratch.fit(sizes);
    let result = run(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// Everything that a forward pass writes besides its result.
///
/// For width 1.0 and 224 pixels 3 MB, or 6 MB where operands are in three bf16 parts.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Four normalised rows of the image and one of zeros.
    pub rows: Aligned,
    /// Padded planes between expansion and depthwise convolution.
    pub expanded: Aligned,
    /// Planes between depthwise convolution and projection.
    pub depthwise: Aligned,
    /// Outputs of the blocks that take one image, alternating.
    pub single: [Aligned; 2],
    /// Outputs of the blocks that take a group, alternating.
    pub group: [Aligned; 2],
    /// Where each pixel of a strip goes.
    pub places: Places,
    /// Averages, padded to whole blocks of channels.
    pub pooled: Aligned,
}

impl Scratch {
    fn fit(&mut self, sizes: &Sizes) {
        self.rows.reserve(sizes.rows);
        self.expanded.reserve(sizes.expanded);
        self.depthwise.reserve(sizes.depthwise);
        for parity in [0, 1] {
            self.single[parity].reserve(sizes.single[parity]);
            self.group[parity].reserve(sizes.group[parity]);
        }
        self.places.reserve(sizes.places);
        self.pooled.reserve(sizes.pooled);
    }
}

/// The sizes of the buffers for a network, in floats; `places` in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    rows: usize,
    expanded: usize,
    depthwise: usize,
    single: [usize; 2],
    group: [usize; 2],
    places: usize,
    pooled: usize,
}

impl Sizes {
    /// For blocks of which the first `single` take one image at a time.
    pub(crate) fn new(
        blocks: &[BlockPlan],
        single: usize,
        kernels: &Kernels,
        input_size: usize,
        features: usize,
    ) -> Self {
        let largest = |len: &dyn Fn(&BlockPlan) -> usize, blocks: &[BlockPlan]| {
            blocks.iter().map(len).max().unwrap_or(0)
        };
        let alternating = |from: usize, to: usize, parity: usize, images: usize| {
            let len = (from..to)
                .filter(|block| block % 2 == parity)
                .map(|block| blocks[block].output_len(kernels) * images)
                .max();
            len.unwrap_or(0) + SLACK
        };
        Self {
            rows: (IMAGE_ROWS + 1) * (input_size + 2) * 3,
            expanded: largest(&BlockPlan::expanded_len, blocks),
            depthwise: largest(&|block| block.depthwise_len(kernels), blocks) + SLACK,
            single: [0, 1].map(|parity| alternating(0, single - 1, parity, 1)),
            group: [0, 1].map(|parity| alternating(single - 1, blocks.len(), parity, GROUP)),
            places: largest(&BlockPlan::strip_pixels, &blocks[..single]),
            pooled: GROUP * padded(features),
        }
    }

    /// Bytes of all buffers.
    pub(crate) fn bytes(&self) -> usize {
        let floats = [self.rows, self.expanded, self.depthwise, self.pooled];
        let floats = floats.iter().chain(&self.single).chain(&self.group);
        floats.sum::<usize>() * size_of::<f32>() + self.places * size_of::<u32>()
    }
}
