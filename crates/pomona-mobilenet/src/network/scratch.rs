//! The buffers of one thread.

use super::aligned::Aligned;
use super::kernels::packing::padded;
use super::kernels::{BLOCK, Kernels, Places};
use super::mobilenet::MobileNetV2;
use super::plan::{GROUP, Plan};

/// Everything that a forward pass writes besides its result, allocated once.
///
/// One a thread, made for one network; for width 1.0 and 224 pixels 3 MB, or 6 MB where operands are
/// in three bf16 parts.
#[derive(Debug)]
pub struct Scratch {
    /// Four normalised rows of the picture and one of zeros.
    pub(super) rows: Aligned,
    /// Padded planes between expansion and depthwise convolution.
    pub(super) expanded: Aligned,
    /// Planes between depthwise convolution and projection.
    pub(super) depthwise: Aligned,
    /// Outputs of the blocks that take one picture, alternating.
    pub(super) single: [Aligned; 2],
    /// Outputs of the blocks that take a group, alternating.
    pub(super) group: [Aligned; 2],
    /// Where each pixel of a strip goes.
    pub(super) places: Places,
    /// Averages, padded to whole blocks of channels.
    pub(super) pooled: Aligned,
}

/// Rows of the picture in memory: three for one output row and one to spare, a power of two.
pub(super) const PICTURE_ROWS: usize = 4;

/// Floats beyond the last pixel of an operand: tiles read thirty-two pixels, if only to ignore some.
const SLACK: usize = 32 * BLOCK;

impl Scratch {
    /// Buffers for a network.
    pub fn new(network: &MobileNetV2) -> Self {
        Self::for_plan(network.plan(), network.kernels(), network.input_size())
    }

    fn for_plan(plan: &Plan, kernels: &Kernels, input_size: usize) -> Self {
        let largest = |len: &dyn Fn(usize) -> usize, blocks: std::ops::Range<usize>| {
            blocks.map(len).max().unwrap_or(0)
        };
        let all = 0..plan.blocks.len();
        let depthwise = largest(&|b| plan.blocks[b].depthwise_len(kernels), all.clone());
        let output = |block: usize| plan.blocks[block].output_len(kernels);
        let single = plan.single;
        let alternating = |blocks: std::ops::Range<usize>, parity: usize, pictures: usize| {
            let len = blocks
                .filter(|block| block % 2 == parity)
                .map(|block| output(block) * pictures)
                .max();
            Aligned::zeros(len.unwrap_or(0) + SLACK)
        };
        Self {
            rows: Aligned::zeros((PICTURE_ROWS + 1) * (input_size + 2) * 3),
            expanded: Aligned::zeros(largest(&|b| plan.blocks[b].expanded_len(), all.clone())),
            depthwise: Aligned::zeros(depthwise + SLACK),
            single: [0, 1].map(|parity| alternating(0..single - 1, parity, 1)),
            group: [0, 1].map(|parity| alternating(single - 1..plan.blocks.len(), parity, GROUP)),
            places: Places::with_capacity(largest(
                &|b| plan.blocks[b].strip_pixels(),
                0..plan.single,
            )),
            pooled: Aligned::zeros(GROUP * padded(plan.last.columns)),
        }
    }

    /// Bytes that the buffers hold.
    pub fn bytes(&self) -> usize {
        let buffers = [&self.rows, &self.expanded, &self.depthwise, &self.pooled];
        let floats = buffers
            .into_iter()
            .chain(&self.single)
            .chain(&self.group)
            .map(|buffer| buffer.len());
        floats.sum::<usize>() * size_of::<f32>()
    }
}
