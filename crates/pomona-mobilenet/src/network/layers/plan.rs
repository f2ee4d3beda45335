//! Where the tensors of a network of convolutions lie, once all of its layers are known.

use pomona_kernels::{BLOCK, Kernels};

use super::image::Normalization;
use super::layer::{Depthwise, Layer, Source};
use super::planes::{GROUP, Planes};

/// Channels that are expanded together.
pub(super) const PANEL: usize = 2 * BLOCK;

/// Bytes of expanded rows that stay in the second-level cache beside what else is used.
const EXPANDED: usize = 320 << 10;

/// Buffers before those of the tensors: the image's values, expanded rows, and a gate's vectors.
pub(super) const IMAGE: usize = 0;
pub(super) const ROWS: usize = 1;
pub(super) const VECTORS: usize = 2;
const TENSORS: usize = 5;

/// A network of convolutions, ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub kernels: Kernels,
    pub normalization: Normalization,
    pub input_size: usize,
    /// Pixels of zeros around the image's values.
    pub image_border: usize,
    pub tensors: Vec<Tensor>,
    pub layers: Vec<Layer>,
    /// Layers before this one take one image at a time.
    pub grouped_from: usize,
    /// The tensor of the features.
    pub features: usize,
    /// Floats of each buffer.
    pub sizes: Vec<usize>,
}

/// A tensor and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    pub planes: Planes,
    /// Its buffer.
    pub buffer: usize,
    /// Whether the buffer holds all images of a group.
    pub is_grouped: bool,
}

impl Plan {
    /// Finds borders and buffers.
    pub(super) fn new(
        kernels: Kernels,
        normalization: Normalization,
        input_size: usize,
        mut planes: Vec<Planes>,
        mut layers: Vec<Layer>,
        grouped_from: usize,
        features: usize,
    ) -> Self {
        assert!(planes[features].is_vector(), "features are one pixel");
        let image_border = borders(&mut planes, &layers, input_size);
        let mut sizes = vec![0; TENSORS];
        let side = input_size + 2 * image_border;
        sizes[IMAGE] = side * side * 3;
        for layer in &mut layers {
            match layer {
                Layer::Dense { dense, .. } => match dense.source {
                    Source::Tensor(input) => {
                        let input = &planes[input];
                        dense.place(&kernels, input.row(), input.plane());
                    }
                    Source::Image | Source::Vectors => dense.place(&kernels, side * 3, 0),
                },
                Layer::Expansion {
                    dense,
                    depthwise,
                    output,
                } => {
                    let input = planes[dense.tensor().expect("an expansion reads a tensor")];
                    dense.place(&kernels, input.row(), input.plane());
                    let expanded = expanded(depthwise, &input, planes[*output].size);
                    depthwise.ring = ring(depthwise, &expanded);
                    let rows = (depthwise.ring + 1) * expanded.row();
                    sizes[ROWS] = sizes[ROWS].max(PANEL / BLOCK * rows);
                }
                Layer::Gate {
                    squeeze, excite, ..
                } => {
                    for dense in [squeeze, excite] {
                        dense.place(&kernels, 0, GROUP * BLOCK);
                        let floats = dense.depth.next_multiple_of(BLOCK).max(dense.columns());
                        for size in &mut sizes[VECTORS..TENSORS] {
                            *size = (*size).max(floats * GROUP);
                        }
                    }
                }
                Layer::Depthwise { .. } | Layer::MaxPool { .. } | Layer::Average { .. } => {}
            }
        }
        let tensors = places(&planes, &layers, grouped_from, features, &mut sizes);
        Self {
            kernels,
            normalization,
            input_size,
            image_border,
            tensors,
            layers,
            grouped_from,
            features,
            sizes,
        }
    }

    /// Length of a feature vector.
    pub(super) fn feature_len(&self) -> usize {
        self.tensors[self.features].planes.channels
    }
}

/// Gives each tensor the border that its readers need, and returns that of the image.
fn borders(planes: &mut [Planes], layers: &[Layer], input_size: usize) -> usize {
    let mut image = 0;
    for layer in layers {
        match layer {
            Layer::Dense { dense, output, .. } => {
                let outputs = planes[*output].size;
                let (size, border) = match dense.source {
                    Source::Tensor(input) => (planes[input].size, &mut planes[input].border),
                    Source::Image | Source::Vectors => (input_size, &mut image),
                };
                let taps = &dense.taps;
                *border = (*border).max(taps.before).max(taps.after(size, outputs));
            }
            Layer::Depthwise {
                depthwise,
                input,
                output,
            } => {
                let border = depthwise.border(&planes[*input], planes[*output].size);
                planes[*input].border = planes[*input].border.max(border);
            }
            Layer::MaxPool { input, .. } => {
                planes[*input].border = planes[*input].border.max(1);
            }
            Layer::Expansion { .. } | Layer::Gate { .. } | Layer::Average { .. } => {}
        }
    }
    for layer in layers {
        // These kernels read planes as rows of pixels without gaps.
        let dense = match layer {
            Layer::Average { input, .. } => *input,
            Layer::Gate { tensor, .. } => *tensor,
            Layer::Depthwise { output, .. } | Layer::Expansion { output, .. } => *output,
            Layer::Dense { .. } | Layer::MaxPool { .. } => continue,
        };
        assert_eq!(
            planes[dense].border, 0,
            "a kernel larger than 1x1 reads what a depthwise convolution or gate returns"
        );
    }
    image
}

/// The planes that a panel of channels is expanded to, were all rows in memory.
pub(super) fn expanded(depthwise: &Depthwise, input: &Planes, outputs: usize) -> Planes {
    Planes {
        channels: PANEL,
        size: input.size,
        border: depthwise.border(input, outputs),
    }
}

/// Rows of the expanded planes in memory.
fn ring(depthwise: &Depthwise, expanded: &Planes) -> usize {
    let row = expanded.row() * size_of::<f32>() * PANEL / BLOCK;
    let least = depthwise.taps.size + 3 * depthwise.taps.stride;
    (EXPANDED / row).max(least).min(expanded.size)
}

/// Gives each tensor a buffer, one that the last reader of another has left where there is one.
fn places(
    planes: &[Planes],
    layers: &[Layer],
    grouped_from: usize,
    features: usize,
    sizes: &mut Vec<usize>,
) -> Vec<Tensor> {
    // The first and last layer that uses each tensor.
    let mut lives = vec![(layers.len(), 0); planes.len()];
    for (index, layer) in layers.iter().enumerate() {
        let written = layer.writes();
        lives[written].0 = lives[written].0.min(index);
        for tensor in layer.reads().chain([written]) {
            lives[tensor].1 = lives[tensor].1.max(index);
        }
    }
    lives[features].1 = layers.len();
    let mut uses: Vec<Vec<(usize, usize)>> = Vec::new();
    let tensors = planes.iter().zip(lives).map(|(planes, (first, last))| {
        let is_grouped = last >= grouped_from;
        // The first layers run for the next images while these are kept.
        let first = if is_grouped && first < grouped_from {
            0
        } else {
            first
        };
        let is_free = |uses: &Vec<(usize, usize)>| {
            let overlaps = |(from, to): &(usize, usize)| first <= *to && *from <= last;
            !uses.iter().any(overlaps)
        };
        let slot = uses.iter().position(is_free).unwrap_or_else(|| {
            uses.push(Vec::new());
            sizes.push(0);
            uses.len() - 1
        });
        uses[slot].push((first, last));
        let buffer = TENSORS + slot;
        let images = if is_grouped { GROUP } else { 1 };
        sizes[buffer] = sizes[buffer].max(planes.len(images));
        Tensor {
            planes: *planes,
            buffer,
            is_grouped,
        }
    });
    tensors.collect()
}
