//! Blocks on large planes: some rows of one image at a time, so that they stay in the cache.

use std::ops::Range;

use pomona_kernels::packing::padded;
use pomona_kernels::{Activation, BLOCK, Depthwise, PLANE_WEIGHTS, Places, Product, Start};

use super::super::plan::{BlockPlan, Plan, Tiling};
use super::image::Image;
use super::{Forward, PANEL, Target, clear_borders, operand_start, row_starts};

/// The source of a block's padded planes.
pub(super) enum Source<'a> {
    /// The first convolution of an image.
    Image(Image<'a>),
    /// The expansion of the block before's output.
    Tensor {
        /// That output.
        tensor: &'a [f32],
        /// Capacity for the places of a strip's pixels.
        places: &'a mut Places,
    },
}

impl<'a> Source<'a> {
    /// The first convolution of an image; `rows` is room for some normalised rows.
    pub(crate) fn image(plan: &'a Plan, image: &'a [u8], rows: &'a mut [f32]) -> Self {
        Self::Image(Image::new(plan, image, rows))
    }
}

impl Forward<'_> {
    /// Runs a block on one image.
    pub(super) fn strips(
        &self,
        block: &BlockPlan,
        mut source: Source<'_>,
        expanded: &mut [f32],
        depthwise: &mut [f32],
        target: Target<'_>,
    ) {
        let Tiling::Strips { rows: strip } = block.tiling else {
            unreachable!("blocks before the first of whole planes go by strips")
        };
        let stride = block.block.stride;
        let planes = padded(block.block.expanded) / BLOCK;
        clear_borders(block, expanded);
        let mut done = 0;
        for first in (0..block.output_size).step_by(strip) {
            let count = strip.min(block.output_size - first);
            let needed = ((first + count - 1) * stride + 3 - block.before).min(block.input_size);
            let expand = match &mut source {
                Source::Image(image) => {
                    image.fill(&self.session, block, expanded, done..needed);
                    None
                }
                Source::Tensor { tensor, places } => {
                    Some((*tensor, strip_places(block, places, done..needed)))
                }
            };
            let first_pixel = done * block.input_size;
            done = needed;

            let starts = row_starts(block, first, count);
            let pixels = count * block.output_size;
            for start in (0..planes).step_by(PANEL / BLOCK) {
                let panel = start..planes.min(start + PANEL / BLOCK);
                let expanded = &mut expanded[start * block.plane()..];
                if let Some((tensor, places)) = expand {
                    self.expand(block, tensor, first_pixel, places, panel.clone(), expanded);
                }
                self.session.depthwise(Depthwise {
                    input: expanded,
                    input_plane: block.plane(),
                    rows: &starts[..(count - 1) * stride + 3],
                    weights: &block.depthwise[start * PLANE_WEIGHTS..],
                    output: depthwise,
                    output_plane: pixels * BLOCK,
                    planes: panel,
                    output_planes: planes,
                    in_parts: block.project[0].in_parts,
                    columns: block.output_size,
                    stride,
                    size: 3,
                    activation: Activation::Relu6,
                });
            }

            let offset = first * block.output_size * BLOCK;
            let start = match &source {
                Source::Tensor { tensor, .. } if block.block.residual() => {
                    Start::Residual(&tensor[offset..])
                }
                _ => Start::Bias,
            };
            // A residual block never ends the strips, so both tensors have planes of one image.
            let project = &block.project[0];
            self.session.product(Product {
                in_parts: project.in_parts,
                input: depthwise,
                input_plane: pixels * BLOCK,
                depth: project.depth,
                pixels,
                weights: &project.weights,
                bias: &project.bias,
                columns: project.columns,
                output: &mut target.tensor[target.offset + offset..],
                output_plane: target.plane,
                places: None,
                start,
                relu6: false,
                out_parts: block.out_parts,
            });
        }
    }

    /// Expands pixels into a panel of the ring of padded rows.
    fn expand(
        &self,
        block: &BlockPlan,
        tensor: &[f32],
        first_pixel: usize,
        places: &Places,
        panel: Range<usize>,
        expanded: &mut [f32],
    ) {
        let Some(expand) = &block.expand else {
            unreachable!("only the first block has no expansion, and an image before it")
        };
        let plane = block.input_size * block.input_size * BLOCK;
        let operand = operand_start(expand, block.block.input, plane);
        let column = panel.start * BLOCK;
        let before = self
            .kernels
            .weights_before(expand.in_parts, column, expand.depth);
        self.session.product(Product {
            in_parts: expand.in_parts,
            input: &tensor[operand + first_pixel * BLOCK..],
            input_plane: plane,
            depth: expand.depth,
            pixels: places.count(),
            weights: &expand.weights[before..],
            bias: &expand.bias[column..],
            columns: panel.len() * BLOCK,
            output: expanded,
            output_plane: block.plane(),
            places: Some(places),
            start: Start::Bias,
            relu6: true,
            out_parts: false,
        });
    }
}

/// The places of the pixels of some rows in the ring of padded rows.
fn strip_places<'a>(block: &BlockPlan, places: &'a mut Places, rows: Range<usize>) -> &'a Places {
    let starts = rows.map(|row| (row % block.ring) * block.row() + BLOCK);
    places.set(starts, block.input_size);
    places
}
