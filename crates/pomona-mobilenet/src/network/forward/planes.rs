//! Blocks on small planes: whole planes of several images, a panel of channels at a time.

use pomona_kernels::packing::padded;
use pomona_kernels::{Activation, BLOCK, Depthwise, PLANE_WEIGHTS, Product, Start};

use super::super::plan::Tiling;
use super::{Forward, PANEL, clear_borders, operand_start, row_starts};

impl Forward<'_> {
    /// Runs a block on the group.
    pub(super) fn planes(
        &self,
        index: usize,
        expanded: &mut [f32],
        depthwise: &mut [f32],
        input: &[f32],
        output: &mut [f32],
    ) {
        let block = &self.plan.blocks[index];
        let (
            Tiling::Planes {
                images: together,
                places,
            },
            Some(expand),
        ) = (&block.tiling, &block.expand)
        else {
            unreachable!("blocks after the first of whole planes are small and expand")
        };
        let stride = block.block.stride;
        let pixels = block.input_size * block.input_size;
        let output_pixels = block.output_size * block.output_size;
        let input_plane = self.images * pixels * BLOCK;
        let operand = operand_start(expand, block.block.input, input_plane);
        clear_borders(block, expanded);
        let starts = row_starts(block, 0, block.output_size);
        let starts = &starts[..(block.output_size - 1) * stride + 3];

        let mut channel = 0;
        for (chunk, project) in block.project.iter().enumerate() {
            let planes = padded(project.depth) / BLOCK;
            for first in (0..self.images).step_by(*together) {
                let count = (*together).min(self.images - first);
                let chunk_plane = count * output_pixels * BLOCK;
                for start in (0..planes * BLOCK).step_by(PANEL) {
                    let columns = PANEL.min(planes * BLOCK - start);
                    let before =
                        self.kernels
                            .weights_before(expand.in_parts, channel + start, expand.depth);
                    self.session.product(Product {
                        in_parts: expand.in_parts,
                        input: &input[operand + first * pixels * BLOCK..],
                        input_plane,
                        depth: expand.depth,
                        pixels: count * pixels,
                        weights: &expand.weights[before..],
                        bias: &expand.bias[channel + start..],
                        columns,
                        output: expanded,
                        output_plane: together * block.plane(),
                        places: Some(places),
                        start: Start::Bias,
                        relu6: true,
                        out_parts: false,
                    });
                    let panel = start / BLOCK..(start + columns) / BLOCK;
                    let weights = (channel + start) / BLOCK * PLANE_WEIGHTS;
                    for image in 0..count {
                        self.session.depthwise(Depthwise {
                            input: &expanded[image * block.plane()..],
                            input_plane: together * block.plane(),
                            rows: starts,
                            weights: &block.depthwise[weights..],
                            output: &mut depthwise[image * output_pixels * BLOCK..],
                            output_plane: chunk_plane,
                            planes: panel.clone(),
                            output_planes: planes,
                            in_parts: block.project[0].in_parts,
                            columns: block.output_size,
                            stride,
                            size: 3,
                            activation: Activation::Relu6,
                        });
                    }
                }
                let offset = first * output_pixels * BLOCK;
                self.session.product(Product {
                    in_parts: project.in_parts,
                    input: depthwise,
                    input_plane: chunk_plane,
                    depth: project.depth,
                    pixels: count * output_pixels,
                    weights: &project.weights,
                    bias: &project.bias,
                    columns: project.columns,
                    output: &mut output[offset..],
                    output_plane: self.images * output_pixels * BLOCK,
                    places: None,
                    start: match chunk {
                        0 if block.block.residual() => Start::Residual(&input[offset..]),
                        0 => Start::Bias,
                        _ => Start::Output,
                    },
                    relu6: false,
                    out_parts: block.out_parts,
                });
            }
            channel += project.depth;
        }
    }
}
