//! Compares the kernels of layers with plain loops.

use pomona_kernels::packing::{pack_depthwise, pad, padded};
use pomona_kernels::{
    Activation, BLOCK, Base, Convolution, Depthwise, Isa, Kernels, Precision, Run, Strides,
};

pub(super) fn every_kernels() -> Vec<Kernels> {
    let kernels = Isa::ALL
        .into_iter()
        .filter_map(|isa| Kernels::new(isa, Precision::F32));
    kernels.collect()
}

/// A multiple of 1/8 from -1 to 7/8, so that every sum of products below is exact in f32.
pub(super) fn value(index: usize) -> f32 {
    (index.wrapping_mul(2_654_435_761) >> 7 & 15) as f32 / 8.0 - 1.0
}

/// What a test convolves: `size` is the kernel's, `side` the image's, with what lies around it.
struct Case {
    size: usize,
    stride: usize,
    inputs: usize,
    outputs: usize,
    side: usize,
    images: usize,
    chunk: usize,
}

const fn case([size, stride]: [usize; 2], [inputs, outputs]: [usize; 2], rest: [usize; 3]) -> Case {
    let [side, images, chunk] = rest;
    Case {
        size,
        stride,
        inputs,
        outputs,
        side,
        images,
        chunk,
    }
}

/// The kinds of [`Base`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Added {
    Nothing,
    Output,
    Tensor,
}

#[test]
fn convolutions_are_those_of_plain_loops() {
    for case in [
        case([1, 1], [8, 8], [1, 1, 9]),
        case([1, 1], [40, 48], [15, 2, 2]),
        case([1, 2], [16, 32], [9, 1, 1]),
        case([3, 1], [24, 64], [9, 2, 7]),
        case([3, 2], [32, 40], [31, 1, 18]),
        case([5, 1], [16, 16], [12, 1, 3]),
    ] {
        for added in [Added::Nothing, Added::Output, Added::Tensor] {
            blocked(&case, added);
        }
    }
}

/// A convolution over blocks of channels, by every instruction set.
fn blocked(case: &Case, added: Added) {
    let &Case {
        size,
        stride,
        inputs,
        outputs,
        side,
        images,
        chunk,
    } = case;
    let (taps, blocks) = (size * size, inputs.div_ceil(BLOCK));
    let count = (side - size) / stride + 1;
    let (row, plane) = (side * BLOCK, side * side * BLOCK);
    let mut input: Vec<f32> = (0..images * blocks * plane).map(value).collect();
    // The padding of the last pixel is not read.
    let unread = if stride == 1 || (side - size).is_multiple_of(stride) {
        blocks * BLOCK - inputs
    } else {
        0
    };
    input.truncate(input.len() - unread);
    let at = |image: usize, channel: usize, y: usize, x: usize| {
        let block = (image * blocks + channel / BLOCK) * plane;
        value(block + y * row + x * BLOCK + channel % BLOCK)
    };
    let weight = |output: usize, channel: usize, tap: usize| {
        value(output * 131 + channel * 29 + tap * 7 + 3)
    };
    let bias: Vec<f32> = (0..outputs).map(|output| value(output + 9)).collect();
    let runs: Vec<Run> = (0..blocks)
        .flat_map(|block| (0..taps).map(move |tap| (block, tap)))
        .map(|(block, tap)| Run {
            offset: (block * plane + tap / size * row + tap % size * BLOCK) as u32,
            len: BLOCK.min(inputs - block * BLOCK) as u32,
        })
        .collect();
    let planes = padded(outputs) / BLOCK;
    let strides = |border: usize| {
        let row = (count + border) * BLOCK;
        let plane = (count + border) * row;
        let image = planes * plane;
        Strides { image, plane, row }
    };
    let (written, tensor_strides) = (strides(1), strides(2));
    let len = |strides: &Strides| images * strides.image;
    let tensor: Vec<f32> = (0..len(&tensor_strides)).map(|i| value(i + 5)).collect();
    for (kernels, activation) in every_kernels()
        .into_iter()
        .flat_map(|kernels| [Activation::Identity, Activation::Relu].map(|a| (kernels, a)))
    {
        let packed = kernels.pack_convolution(outputs, inputs * taps, |output, step| {
            let block = step / (BLOCK * taps);
            let rest = step % (BLOCK * taps);
            let channels = BLOCK.min(inputs - block * BLOCK);
            weight(output, block * BLOCK + rest % channels, rest / channels)
        });
        let before: Vec<f32> = (0..len(&written)).map(|i| value(i + 11)).collect();
        let mut output = before.clone();
        kernels.session().convolution(Convolution {
            input: &input,
            input_image: blocks * plane,
            input_row: stride * row,
            step: stride * BLOCK,
            runs: &runs,
            chunk,
            images,
            height: count,
            width: count,
            weights: &packed,
            bias: &pad(&bias),
            columns: padded(outputs),
            output: &mut output,
            strides: written,
            base: match added {
                Added::Nothing => Base::Bias,
                Added::Output => Base::Output,
                Added::Tensor => Base::Tensor(&tensor, tensor_strides),
            },
            activation,
        });
        for image in 0..images {
            for (index, channel) in (0..count * count * outputs).map(|i| (i / outputs, i % outputs))
            {
                let (y, x) = (index / count, index % count);
                let place = |strides: &Strides| {
                    let start = image * strides.image + channel / BLOCK * strides.plane;
                    start + y * strides.row + x * BLOCK + channel % BLOCK
                };
                let mut sum = bias[channel];
                for (input, tap) in (0..inputs * taps).map(|i| (i / taps, i % taps)) {
                    let (y, x) = (y * stride + tap / size, x * stride + tap % size);
                    sum += at(image, input, y, x) * weight(channel, input, tap);
                }
                sum += match added {
                    Added::Nothing => 0.0,
                    Added::Output => before[place(&written)],
                    Added::Tensor => tensor[place(&tensor_strides)],
                };
                if activation == Activation::Relu {
                    sum = sum.max(0.0);
                }
                assert_eq!(
                    output[place(&written)],
                    sum,
                    "{kernels:?} {size} {stride} {added:?}, {y} {x} {channel}"
                );
            }
        }
        // What lies beyond a row is not written.
        for row in 0..count {
            let end = row * written.row + count * BLOCK;
            assert_eq!(output[end..end + BLOCK], before[end..end + BLOCK]);
        }
    }
}

#[test]
fn convolutions_of_interleaved_colours_are_those_of_plain_loops() {
    for (size, stride, side) in [(3, 2, 11), (7, 2, 37), (14, 14, 70)] {
        let count = (side - size) / stride + 1;
        let input: Vec<f32> = (0..side * side * 3).map(value).collect();
        let outputs = 24;
        let weight = |output: usize, step: usize| value(output * 131 + step * 7 + 3);
        let runs: Vec<Run> = (0..size)
            .map(|tap| Run {
                offset: (tap * side * 3) as u32,
                len: (size * 3) as u32,
            })
            .collect();
        for kernels in every_kernels() {
            let mut output = vec![f32::NAN; 2 * count * count * BLOCK];
            let row = count * BLOCK;
            kernels.session().convolution(Convolution {
                input: &input,
                input_image: 0,
                input_row: stride * side * 3,
                step: stride * 3,
                runs: &runs,
                chunk: 4,
                images: 1,
                height: count,
                width: count,
                weights: &kernels.pack_convolution(outputs, size * size * 3, weight),
                bias: &pad(&[0.0; 24]),
                columns: padded(outputs),
                output: &mut output,
                strides: Strides {
                    image: 0,
                    plane: count * row,
                    row,
                },
                base: Base::Bias,
                activation: Activation::Identity,
            });
            for (place, got) in output.iter().enumerate() {
                let channel = place / (count * row) * BLOCK + place % BLOCK;
                let pixel = place % (count * row) / BLOCK;
                let (y, x) = (pixel / count * stride, pixel % count * stride);
                let products = (0..size * size * 3).map(|step| {
                    let (tap, rest) = (step / (size * 3), step % (size * 3));
                    input[((y + tap) * side + x) * 3 + rest] * weight(channel, step)
                });
                let expected = if channel < outputs {
                    products.sum()
                } else {
                    0.0
                };
                assert_eq!(*got, expected, "{kernels:?} {size} {channel} {pixel}");
            }
        }
    }
}

#[test]
fn larger_depthwise_convolutions_are_those_of_plain_loops() {
    for (kernels, size, stride, activation) in every_kernels().into_iter().flat_map(|kernels| {
        let cases = [
            (5, 1, Activation::Identity),
            (5, 2, Activation::Relu),
            (3, 2, Activation::Identity),
            (3, 1, Activation::Relu),
        ];
        cases.map(|(size, stride, activation)| (kernels, size, stride, activation))
    }) {
        let (width, height) = (9, 3);
        let (rows_in, width_in) = ((height - 1) * stride + size, (width - 1) * stride + size);
        let (channels, taps) = (2 * BLOCK, size * size);
        let kernel: Vec<f32> = (0..channels * taps).map(value).collect();
        let bias: Vec<f32> = (0..channels).map(|channel| value(channel + 1)).collect();
        let input: Vec<f32> = (0..channels * rows_in * width_in).map(value).collect();
        let rows: Vec<u32> = (0..rows_in)
            .map(|row| (row * width_in * BLOCK) as u32)
            .collect();
        let plane = rows_in * width_in * BLOCK;
        let mut output = vec![0.0; channels * height * width];
        kernels.session().depthwise(Depthwise {
            input: &input,
            input_plane: plane,
            rows: &rows,
            weights: &pack_depthwise(&kernel, &bias),
            output: &mut output,
            output_plane: height * width * BLOCK,
            planes: 0..2,
            output_planes: 2,
            in_parts: false,
            columns: width,
            stride,
            size,
            activation,
        });
        for (index, got) in output.iter().enumerate() {
            let (pixel, lane) = (index / BLOCK % (height * width), index % BLOCK);
            let block = index / (BLOCK * height * width);
            let channel = block * BLOCK + lane;
            let products = (0..taps).map(|tap| {
                let row = pixel / width * stride + tap / size;
                let column = pixel % width * stride + tap % size;
                let from = block * plane + (row * width_in + column) * BLOCK + lane;
                input[from] * kernel[channel * taps + tap]
            });
            let sum = products.sum::<f32>() + bias[channel];
            let expected = match activation {
                Activation::Relu => sum.max(0.0),
                _ => sum,
            };
            assert_eq!(*got, expected, "{kernels:?} {size} {stride}");
        }
    }
}
