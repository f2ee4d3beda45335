//! One forward pass of a network of convolutions.

use std::mem::take;
use std::ops::Range;

use pomona_kernels::{
    Average, BLOCK, Base, Convolution, Depthwise as DepthwiseTask, MaxPool, Scale, Session,
    Strides, plane_weights,
};

use super::buffers::Buffers;
use super::layer::{Dense, Depthwise, Layer, Source};
use super::plan::{IMAGE, PANEL, Plan, Tensor, VECTORS};
use super::planes::{GROUP, Planes};

/// Most input rows of a plane.
pub(super) const MOST_ROWS: usize = 256;

/// The features of up to [`GROUP`] images.
pub(super) struct Forward<'a> {
    pub plan: &'a Plan,
    pub session: Session<'a>,
}

impl Forward<'_> {
    /// From `N x S x S x 3` bytes to `N x features` floats.
    pub(super) fn run(&self, buffers: &mut Buffers, images: &[u8], features: &mut [f32]) {
        let plan = self.plan;
        let size = plan.input_size;
        let count = images.len() / (size * size * 3);
        debug_assert!(count <= GROUP);
        let (single, grouped) = plan.layers.split_at(plan.grouped_from);
        for (place, image) in images.chunks_exact(size * size * 3).enumerate() {
            let values = &mut buffers.0[IMAGE];
            plan.normalization
                .run(image, size, plan.image_border, values);
            for layer in single {
                self.layer(buffers, layer, place..place + 1);
            }
            if grouped.is_empty() {
                self.copy(buffers, place, place..place + 1, features);
            }
        }
        for layer in grouped {
            self.layer(buffers, layer, 0..count);
        }
        if !grouped.is_empty() {
            self.copy(buffers, 0, 0..count, features);
        }
    }

    /// Copies the features of some images, the first of which lies at a place of the tensor.
    fn copy(&self, buffers: &Buffers, first: usize, images: Range<usize>, features: &mut [f32]) {
        let tensor = &self.plan.tensors[self.plan.features];
        let length = tensor.planes.channels;
        let place = if tensor.is_grouped { first } else { 0 };
        for (index, image) in images.enumerate() {
            let blocks = features[image * length..][..length].chunks_mut(BLOCK);
            for (block, features) in blocks.enumerate() {
                let from = block * tensor.planes.plane() + (place + index) * BLOCK;
                features.copy_from_slice(&buffers.0[tensor.buffer][from..][..features.len()]);
            }
        }
    }

    /// Floats of a tensor's buffer before the first of some images.
    pub(super) fn start(tensor: &Tensor, images: &Range<usize>) -> usize {
        match tensor.is_grouped {
            true => images.start * tensor.planes.image(),
            false => 0,
        }
    }

    fn layer(&self, buffers: &mut Buffers, layer: &Layer, images: Range<usize>) {
        let output = &self.plan.tensors[layer.writes()];
        // Taken out, so that it can be written while others are read.
        let mut buffer = take(&mut buffers.0[output.buffer]);
        let target = &mut buffer[Self::start(output, &images)..];
        if !output.planes.is_vector() && !matches!(layer, Layer::Gate { .. }) {
            for image in target.chunks_mut(output.planes.image()).take(images.len()) {
                output.planes.clear_border(image);
            }
        }
        match layer {
            Layer::Dense {
                dense, residual, ..
            } => {
                let base = residual.map(|tensor| &self.plan.tensors[tensor]);
                self.dense(buffers, dense, &output.planes, target, base, &images);
            }
            Layer::Depthwise {
                depthwise, input, ..
            } => {
                let input = &self.plan.tensors[*input];
                let values = &buffers.0[input.buffer][Self::start(input, &images)..];
                let planes = [&input.planes, &output.planes];
                self.depthwise(depthwise, planes, values, target, images.len());
            }
            Layer::Expansion {
                dense, depthwise, ..
            } => self.expansion(buffers, dense, depthwise, &output.planes, target, &images),
            Layer::Gate {
                squeeze, excite, ..
            } => self.gate(
                buffers,
                squeeze,
                excite,
                &output.planes,
                target,
                images.len(),
            ),
            Layer::MaxPool { input, .. } => {
                let input = &self.plan.tensors[*input];
                let values = &buffers.0[input.buffer][Self::start(input, &images)..];
                self.max_pool(
                    [&input.planes, &output.planes],
                    values,
                    target,
                    images.len(),
                );
            }
            Layer::Average { input, .. } => {
                let input = &self.plan.tensors[*input];
                let values = &buffers.0[input.buffer][Self::start(input, &images)..];
                self.averages(&input.planes, values, target, images.len());
            }
        }
        buffers.0[output.buffer] = buffer;
    }

    /// A dense convolution of some images.
    fn dense(
        &self,
        buffers: &Buffers,
        dense: &Dense,
        output: &Planes,
        target: &mut [f32],
        residual: Option<&Tensor>,
        range: &Range<usize>,
    ) {
        let Source::Tensor(input) = dense.source else {
            return self.image(buffers, dense, output, target);
        };
        let input = &self.plan.tensors[input];
        let planes = &input.planes;
        let taps = &dense.taps;
        let values = &buffers.0[input.buffer][Self::start(input, range)..];
        let borders = [
            Some(planes),
            Some(output),
            residual.map(|base| &base.planes),
        ];
        let has_border = borders.iter().flatten().any(|planes| planes.border > 0);
        let (images, height, width) = if planes.is_vector() {
            (1, 1, range.len())
        } else if taps.size == 1 && taps.stride == 1 && !has_border {
            (range.len(), 1, output.size * output.size)
        } else {
            (range.len(), output.size, output.size)
        };
        let base = match residual {
            None => Base::Bias,
            Some(tensor) => {
                let from = Self::start(tensor, range) + tensor.planes.origin(0);
                Base::Tensor(&buffers.0[tensor.buffer][from..], tensor.planes.strides())
            }
        };
        self.session.convolution(Convolution {
            input: &values[planes.origin(taps.before)..],
            input_image: planes.image(),
            input_row: taps.stride * planes.row(),
            step: taps.stride * BLOCK,
            runs: &dense.runs,
            chunk: dense.chunk,
            images,
            height,
            width,
            weights: &dense.weights,
            bias: &dense.bias,
            columns: dense.columns(),
            output: &mut target[output.origin(0)..],
            strides: output.strides(),
            base,
            activation: dense.activation,
        });
    }

    /// The first convolution of one image.
    fn image(&self, buffers: &Buffers, dense: &Dense, output: &Planes, target: &mut [f32]) {
        let plan = self.plan;
        let row = (plan.input_size + 2 * plan.image_border) * 3;
        let origin = (plan.image_border - dense.taps.before) * (row + 3);
        self.session.convolution(Convolution {
            input: &buffers.0[IMAGE][origin..],
            input_image: 0,
            input_row: dense.taps.stride * row,
            step: dense.taps.stride * 3,
            runs: &dense.runs,
            chunk: dense.chunk,
            images: 1,
            height: output.size,
            width: output.size,
            weights: &dense.weights,
            bias: &dense.bias,
            columns: dense.columns(),
            output: &mut target[output.origin(0)..],
            strides: output.strides(),
            base: Base::Bias,
            activation: dense.activation,
        });
    }

    /// A depthwise convolution of some images, from tensor to tensor.
    fn depthwise(
        &self,
        depthwise: &Depthwise,
        [input, output]: [&Planes; 2],
        values: &[f32],
        target: &mut [f32],
        images: usize,
    ) {
        let taps = &depthwise.taps;
        let mut starts = [0; MOST_ROWS];
        let count = (output.size - 1) * taps.stride + taps.size;
        for (row, start) in starts[..count].iter_mut().enumerate() {
            *start = (input.origin(taps.before) + row * input.row()) as u32;
        }
        for image in 0..images {
            for first in (0..output.blocks()).step_by(PANEL / BLOCK) {
                let last = (first + PANEL / BLOCK).min(output.blocks());
                self.session.depthwise(DepthwiseTask {
                    input: &values[image * input.image() + first * input.plane()..],
                    input_plane: input.plane(),
                    rows: &starts[..count],
                    weights: &depthwise.weights[first * plane_weights(taps.size)..],
                    output: &mut target[image * output.image()..],
                    output_plane: output.plane(),
                    planes: first..last,
                    output_planes: output.blocks(),
                    in_parts: false,
                    columns: output.size,
                    stride: taps.stride,
                    size: taps.size,
                    activation: depthwise.activation,
                });
            }
        }
    }

    /// Squeeze and excitation of some images in place; their vectors are the pixels of two products.
    fn gate(
        &self,
        buffers: &mut Buffers,
        squeeze: &Dense,
        excite: &Dense,
        planes: &Planes,
        target: &mut [f32],
        images: usize,
    ) {
        let pixels = planes.size * planes.size;
        let plane = GROUP * BLOCK;
        let [averages, squeezed, factors] = &mut buffers.0[VECTORS..VECTORS + 3] else {
            unreachable!("a gate has three buffers")
        };
        for (index, image) in target.chunks(planes.image()).take(images).enumerate() {
            self.session.average(Average {
                input: &image[..planes.len(1)],
                pixels,
                output: &mut averages[index * BLOCK..],
                output_plane: plane,
            });
        }
        let product = |dense: &Dense, input: &[f32], output: &mut [f32]| {
            self.session.convolution(Convolution {
                input,
                input_image: 0,
                input_row: 0,
                step: BLOCK,
                runs: &dense.runs,
                chunk: dense.chunk,
                images: 1,
                height: 1,
                width: images,
                weights: &dense.weights,
                bias: &dense.bias,
                columns: dense.columns(),
                output,
                strides: Strides {
                    image: 0,
                    plane,
                    row: 0,
                },
                base: Base::Bias,
                activation: dense.activation,
            });
        };
        product(squeeze, averages, squeezed);
        product(excite, squeezed, factors);
        for (index, image) in target.chunks_mut(planes.image()).take(images).enumerate() {
            self.session.scale(Scale {
                values: &mut image[..planes.len(1)],
                pixels,
                factors: &factors[index * BLOCK..],
                factors_plane: plane,
            });
        }
    }

    fn max_pool(
        &self,
        [input, output]: [&Planes; 2],
        values: &[f32],
        target: &mut [f32],
        images: usize,
    ) {
        for (image, block) in
            (0..images).flat_map(|image| (0..output.blocks()).map(move |block| (image, block)))
        {
            let from = image * input.image() + block * input.plane() + input.origin(1);
            let to = image * output.image() + block * output.plane() + output.origin(0);
            self.session.max_pool(MaxPool {
                input: &values[from..],
                input_row: input.row(),
                size: output.size,
                output: &mut target[to..],
                output_row: output.row(),
            });
        }
    }

    fn averages(&self, input: &Planes, values: &[f32], target: &mut [f32], images: usize) {
        for (index, image) in values.chunks(input.image()).take(images).enumerate() {
            self.session.average(Average {
                input: &image[..input.len(1)],
                pixels: input.size * input.size,
                output: &mut target[index * BLOCK..],
                output_plane: GROUP * BLOCK,
            });
        }
    }
}
