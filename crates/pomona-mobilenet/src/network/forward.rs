//! One forward pass through the kernels.

use super::kernels::packing::padded;
use super::kernels::{BLOCK, Depthwise, Kernels, PLANE_WEIGHTS, Product, Start, Stem};
use super::plan::{BlockPlan, GROUP, Plan, Tiling};
use super::scratch::{PICTURE_ROWS, Scratch};

/// Most input rows that one call of the depthwise kernel reads.
const MOST_ROWS: usize = 64;

/// A tensor of a group of pictures, `[channel / 16][picture][pixel][16]`.
#[derive(Clone, Copy)]
struct Layout {
    /// Floats a plane of all pictures.
    plane: usize,
    /// Floats before the first picture of interest.
    offset: usize,
}

/// Computes the features of up to [`GROUP`] pictures.
///
/// `images` is `N x S x S x 3` bytes and `features` is `N x features` floats. `done` is called
/// with the index of each block that is complete, once a picture for those that take one picture.
pub(super) fn group(
    plan: &Plan,
    kernels: &Kernels,
    scratch: &mut Scratch,
    images: &[u8],
    features: &mut [f32],
    pictures: usize,
    mut done: impl FnMut(usize),
) {
    debug_assert!(pictures <= GROUP);
    let bytes = images.len() / pictures;
    for (index, image) in images.chunks_exact(bytes).enumerate() {
        single(plan, kernels, scratch, image, index, pictures, &mut done);
    }
    for index in plan.single..plan.blocks.len() {
        let block = &plan.blocks[index];
        let [even, odd] = &mut scratch.group;
        let (input, output) = if index % 2 == 0 {
            (odd, even)
        } else {
            (even, odd)
        };
        let (expanded, depthwise) = (&mut scratch.expanded, &mut scratch.depthwise);
        planes(block, kernels, expanded, depthwise, input, output, pictures);
        done(index);
    }

    let last = &plan.blocks[plan.blocks.len() - 1];
    let pixels = last.output_size * last.output_size;
    let columns = plan.last.columns;
    kernels.pooled(
        Product {
            input: &scratch.group[(plan.blocks.len() - 1) % 2],
            input_plane: pictures * pixels * BLOCK,
            depth: plan.last.depth,
            pixels,
            weights: &plan.last.weights,
            bias: &plan.last.bias,
            columns,
            output: &mut scratch.pooled,
            output_plane: columns,
            places: None,
            start: Start::Bias,
            relu6: true,
        },
        pictures,
    );
    let length = features.len() / pictures;
    for (feature, pooled) in features
        .chunks_exact_mut(length)
        .zip(scratch.pooled.chunks_exact(columns))
    {
        feature.copy_from_slice(&pooled[..length]);
    }
    done(plan.blocks.len());
}

/// The blocks that take one picture; the last of them writes into the group's tensor.
fn single(
    plan: &Plan,
    kernels: &Kernels,
    scratch: &mut Scratch,
    image: &[u8],
    picture: usize,
    pictures: usize,
    done: &mut impl FnMut(usize),
) {
    for index in 0..plan.single {
        let block = &plan.blocks[index];
        let [even, odd] = &mut scratch.single;
        let (input, output) = if index % 2 == 0 {
            (&*odd, even)
        } else {
            (&*even, odd)
        };
        let pixels = block.output_size * block.output_size;
        let (output, layout) = if index + 1 < plan.single {
            let plane = pixels * BLOCK;
            (output, Layout { plane, offset: 0 })
        } else {
            let plane = pictures * pixels * BLOCK;
            let offset = picture * pixels * BLOCK;
            (&mut scratch.group[index % 2], Layout { plane, offset })
        };
        let (expanded, depthwise) = (&mut scratch.expanded, &mut scratch.depthwise);
        clear_borders(block, expanded);
        let mut source = if index == 0 {
            Source::picture(plan, image, &mut scratch.rows, block.input_size)
        } else {
            Source::Planes(input)
        };
        strips(
            block,
            kernels,
            &mut source,
            expanded,
            depthwise,
            output,
            layout,
        );
        done(index);
    }
}

/// What fills the padded planes of a block that takes one picture.
enum Source<'a> {
    /// The first convolution of a picture.
    Picture {
        plan: &'a Plan,
        image: &'a [u8],
        rows: &'a mut [f32],
        /// Rows already normalised.
        done: usize,
        size: usize,
    },
    /// The expansion of the block before's output.
    Planes(&'a [f32]),
}

impl<'a> Source<'a> {
    fn picture(plan: &'a Plan, image: &'a [u8], rows: &'a mut [f32], stem_size: usize) -> Self {
        rows.fill(0.0);
        // A picture of odd side has `2 * stem_size - 1` rows.
        let size = (image.len() / 3).isqrt();
        debug_assert_eq!(size.div_ceil(2), stem_size);
        let done = 0;
        Self::Picture {
            plan,
            image,
            rows,
            done,
            size,
        }
    }

    /// Fills rows `rows` of one panel of channels, or for a picture of all channels.
    fn fill(
        &mut self,
        block: &BlockPlan,
        kernels: &Kernels,
        expanded: &mut [f32],
        rows: std::ops::Range<usize>,
    ) {
        match self {
            Self::Picture {
                plan,
                image,
                rows: ring,
                done,
                size,
            } => {
                let (size, width) = (*size, (*size + 2) * 3);
                for row in rows {
                    let last = (2 * row + 3 - plan.stem_before).min(size);
                    while *done < last {
                        let start = (*done % PICTURE_ROWS) * width + 3;
                        let pixels = &image[*done * size * 3..][..size * 3];
                        kernels.normalize(pixels, &mut ring[start..start + size * 3]);
                        *done += 1;
                    }
                    let ring = &**ring;
                    let three = [0, 1, 2].map(|tap| {
                        let inside = (2 * row + tap)
                            .checked_sub(plan.stem_before)
                            .filter(|row| *row < size);
                        let slot = inside.map_or(PICTURE_ROWS, |row| row % PICTURE_ROWS);
                        &ring[slot * width + (1 - plan.stem_before) * 3..(slot + 1) * width]
                    });
                    kernels.stem(Stem {
                        rows: three,
                        weights: &plan.stem.weights,
                        bias: &plan.stem.bias,
                        columns: plan.stem.columns,
                        pixels: block.input_size,
                        output: &mut expanded[(row % block.ring) * block.row() + BLOCK..],
                        output_plane: block.plane(),
                    });
                }
            }
            Self::Planes(input) => {
                let Some(expand) = &block.expand else {
                    unreachable!("only the first block has no expansion, and a picture before it")
                };
                let size = block.input_size;
                for row in rows {
                    kernels.product(Product {
                        input: &input[row * size * BLOCK..],
                        input_plane: size * size * BLOCK,
                        depth: expand.depth,
                        pixels: size,
                        weights: &expand.weights,
                        bias: &expand.bias,
                        columns: expand.columns,
                        output: &mut expanded[(row % block.ring) * block.row() + BLOCK..],
                        output_plane: block.plane(),
                        places: None,
                        start: Start::Bias,
                        relu6: true,
                    });
                }
            }
        }
    }
}

/// Runs a block some rows at a time, so that its expanded rows stay in the cache.
fn strips(
    block: &BlockPlan,
    kernels: &Kernels,
    source: &mut Source<'_>,
    expanded: &mut [f32],
    depthwise: &mut [f32],
    output: &mut [f32],
    layout: Layout,
) {
    let Tiling::Strips { rows: strip } = block.tiling else {
        unreachable!("blocks before the first of whole planes go by strips")
    };
    let stride = block.block.stride;
    let planes = padded(block.block.expanded) / BLOCK;
    let mut done = 0;
    for first in (0..block.output_size).step_by(strip) {
        let count = strip.min(block.output_size - first);
        let needed = ((first + count - 1) * stride + 3 - block.before).min(block.input_size);
        source.fill(block, kernels, expanded, done..needed);
        done = needed;
        let starts = row_starts(block, first, count);
        let strip_plane = count * block.output_size * BLOCK;
        for plane in 0..planes {
            kernels.depthwise(Depthwise {
                input: &expanded[plane * block.plane()..(plane + 1) * block.plane()],
                rows: &starts[..(count - 1) * stride + 3],
                weights: &block.depthwise[plane * PLANE_WEIGHTS..],
                output: &mut depthwise[plane * strip_plane..][..strip_plane],
                columns: block.output_size,
                stride,
            });
        }
        let offset = layout.offset + first * block.output_size * BLOCK;
        let residual = match source {
            Source::Planes(input) if block.block.residual() => {
                Start::Residual(&input[first * block.output_size * BLOCK..])
            }
            _ => Start::Bias,
        };
        let project = &block.project[0];
        kernels.product(Product {
            input: depthwise,
            input_plane: strip_plane,
            depth: project.depth,
            pixels: count * block.output_size,
            weights: &project.weights,
            bias: &project.bias,
            columns: project.columns,
            output: &mut output[offset..],
            output_plane: layout.plane,
            places: None,
            start: residual,
            relu6: false,
        });
    }
}

/// Runs a block on whole planes of several pictures, a panel of expanded channels at a time.
fn planes(
    block: &BlockPlan,
    kernels: &Kernels,
    expanded: &mut [f32],
    depthwise: &mut [f32],
    input: &[f32],
    output: &mut [f32],
    pictures: usize,
) {
    let (
        Tiling::Planes {
            pictures: together,
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
    let (input_plane, output_plane) = (pictures * pixels * BLOCK, pictures * output_pixels * BLOCK);
    let panel = 2 * BLOCK;
    clear_borders(block, expanded);
    let starts = row_starts(block, 0, block.output_size);
    let starts = &starts[..(block.output_size - 1) * stride + 3];

    let mut channel = 0;
    for (index, project) in block.project.iter().enumerate() {
        for first in (0..pictures).step_by(*together) {
            let count = (*together).min(pictures - first);
            let chunk_plane = count * output_pixels * BLOCK;
            for start in (0..padded(project.depth)).step_by(panel) {
                let columns = panel.min(padded(project.depth) - start);
                kernels.product(Product {
                    input: &input[first * pixels * BLOCK..],
                    input_plane,
                    depth: expand.depth,
                    pixels: count * pixels,
                    weights: &expand.weights[(channel + start) * expand.depth..],
                    bias: &expand.bias[channel + start..],
                    columns,
                    output: expanded,
                    output_plane: together * block.plane(),
                    places: Some(places),
                    start: Start::Bias,
                    relu6: true,
                });
                for plane in 0..columns / BLOCK {
                    let in_chunk = start / BLOCK + plane;
                    let weights = (channel / BLOCK + in_chunk) * PLANE_WEIGHTS;
                    for picture in 0..count {
                        let padded_plane = (plane * together + picture) * block.plane();
                        let place = in_chunk * chunk_plane + picture * output_pixels * BLOCK;
                        kernels.depthwise(Depthwise {
                            input: &expanded[padded_plane..][..block.plane()],
                            rows: starts,
                            weights: &block.depthwise[weights..],
                            output: &mut depthwise[place..],
                            columns: block.output_size,
                            stride,
                        });
                    }
                }
            }
            let offset = first * output_pixels * BLOCK;
            kernels.product(Product {
                input: depthwise,
                input_plane: chunk_plane,
                depth: project.depth,
                pixels: count * output_pixels,
                weights: &project.weights,
                bias: &project.bias,
                columns: project.columns,
                output: &mut output[offset..],
                output_plane,
                places: None,
                start: match index {
                    0 if block.block.residual() => Start::Residual(&input[offset..]),
                    0 => Start::Bias,
                    _ => Start::Output,
                },
                relu6: false,
            });
        }
        channel += project.depth;
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

/// Zeroes what surrounds the pixels of the padded planes; the kernels write only the pixels.
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
