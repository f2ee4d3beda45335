//! One forward pass through the kernels.
//!
//! ```text
//! each image:  stem ── block ── … ── block of strips ──┐ (112 to 28 pixels a side)
//! the group:     ┌───────────────────────────────────────┘
//!                └─ block of planes ── … ── last 1x1 and average (14 and 7 pixels a side)
//! ```

mod image;
mod planes;
mod strips;

use pomona_kernels::packing::padded;
use pomona_kernels::{BLOCK, Kernels, Product, Session, Start};

use super::plan::{BlockPlan, Dense, GROUP, Plan};
use super::scratch::Scratch;
use strips::Source;

/// Most input rows that one call of the depthwise kernel reads.
const MOST_ROWS: usize = 64;

/// The features of up to [`GROUP`] images.
pub(super) struct Forward<'a> {
    plan: &'a Plan,
    kernels: &'a Kernels,
    session: Session<'a>,
    images: usize,
}

/// Channels that are expanded together: the depthwise convolution follows while they are in the
/// first-level cache.
const PANEL: usize = 2 * BLOCK;

/// The destination of a block's output: a plane may hold the pixels of several images.
struct Target<'a> {
    tensor: &'a mut [f32],
    /// Floats a plane.
    plane: usize,
    /// Floats of a plane before this image's first pixel.
    offset: usize,
}

impl<'a> Forward<'a> {
    /// Prepares the calling thread.
    pub(crate) fn new(plan: &'a Plan, kernels: &'a Kernels, images: usize) -> Self {
        debug_assert!(images <= GROUP);
        Self {
            plan,
            kernels,
            session: kernels.session(),
            images,
        }
    }

    /// From `N x S x S x 3` bytes to `N x features` floats.
    ///
    /// `done` is called with the index of each block that is complete, once an image for those
    /// that take one image, and at the end with their number.
    pub(crate) fn run(
        &self,
        scratch: &mut Scratch,
        images: &[u8],
        features: &mut [f32],
        done: &mut impl FnMut(usize),
    ) {
        let bytes = images.len() / self.images;
        for (place, image) in images.chunks_exact(bytes).enumerate() {
            self.single(scratch, image, place, done);
        }
        let blocks = self.plan.blocks.len();
        for index in self.plan.single..blocks {
            let [even, odd] = &mut scratch.group;
            let (input, output) = if index % 2 == 0 {
                (odd, even)
            } else {
                (even, odd)
            };
            let (expanded, depthwise) = (&mut scratch.expanded, &mut scratch.depthwise);
            self.planes(index, expanded, depthwise, input, output);
            done(index);
        }
        let input = &scratch.group[(blocks - 1) % 2];
        self.pooled(input, &mut scratch.pooled, features);
        done(blocks);
    }

    /// The blocks that take one image; the last of them writes into the group's tensor.
    fn single(
        &self,
        scratch: &mut Scratch,
        image: &[u8],
        place: usize,
        done: &mut impl FnMut(usize),
    ) {
        let plan = self.plan;
        for (index, block) in plan.blocks[..plan.single].iter().enumerate() {
            let [even, odd] = &mut scratch.single;
            let (input, output) = if index % 2 == 0 {
                (odd, even)
            } else {
                (even, odd)
            };
            let image_plane = block.output_size * block.output_size * BLOCK;
            let target = if index + 1 < plan.single {
                Target {
                    tensor: output,
                    plane: image_plane,
                    offset: 0,
                }
            } else {
                Target {
                    tensor: &mut scratch.group[index % 2],
                    plane: self.images * image_plane,
                    offset: place * image_plane,
                }
            };
            let source = if index == 0 {
                Source::image(plan, image, &mut scratch.rows)
            } else {
                Source::Tensor {
                    tensor: input,
                    places: &mut scratch.places,
                }
            };
            let (expanded, depthwise) = (&mut scratch.expanded, &mut scratch.depthwise);
            self.strips(block, source, expanded, depthwise, target);
            done(index);
        }
    }

    /// The last convolution and the average over pixels.
    fn pooled(&self, input: &[f32], pooled: &mut [f32], features: &mut [f32]) {
        let last = &self.plan.blocks[self.plan.blocks.len() - 1];
        let pixels = last.output_size * last.output_size;
        let plane = self.images * pixels * BLOCK;
        let dense = &self.plan.last;
        let operand = operand_start(dense, last.block.output, plane);
        self.session.pooled(
            Product {
                in_parts: dense.in_parts,
                input: &input[operand..],
                input_plane: plane,
                depth: dense.depth,
                pixels,
                weights: &dense.weights,
                bias: &dense.bias,
                columns: dense.columns,
                output: pooled,
                output_plane: dense.columns,
                places: None,
                start: Start::Bias,
                relu6: true,
                out_parts: false,
            },
            self.images,
        );
        let length = features.len() / self.images;
        for (feature, pooled) in features
            .chunks_exact_mut(length)
            .zip(pooled.chunks_exact(dense.columns))
        {
            feature.copy_from_slice(&pooled[..length]);
        }
    }
}

/// Floats of a tensor of some channels before the operand of a convolution: in parts, it lies
/// after the planes of f32.
fn operand_start(dense: &Dense, channels: usize, plane: usize) -> usize {
    match dense.in_parts {
        true => padded(channels) / BLOCK * plane,
        false => 0,
    }
}

/// Where the input rows of `count` output rows from `first` on start in a padded plane.
fn row_starts(block: &BlockPlan, first: usize, count: usize) -> [u32; MOST_ROWS] {
    let mut starts = [0; MOST_ROWS];
    let stride = block.block.stride;
    for (index, start) in starts[..(count - 1) * stride + 3].iter_mut().enumerate() {
        *start = block.row_start(first * stride + index);
    }
    starts
}

/// Zeroes the padding of the padded planes; the kernels write only the pixels.
fn clear_borders(block: &BlockPlan, expanded: &mut [f32]) {
    for plane in expanded[..block.expanded_len()].chunks_exact_mut(block.plane()) {
        let (ring, zeros) = plane.split_at_mut(block.ring * block.row());
        zeros.fill(0.0);
        for row in ring.chunks_exact_mut(block.row()) {
            row[..BLOCK].fill(0.0);
            row[block.row() - BLOCK..].fill(0.0);
        }
    }
}
