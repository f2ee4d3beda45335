//! A network of every layer, at sizes that divide by nothing, against Candle's layers, and images alone
//! and beside others.

use candle_core::{D, Device, Module, Tensor};
use candle_nn::ops::sigmoid;
use pomona_mobilenet::network::Isa;
use pomona_mobilenet::network::layers::{
    Activation, Affine, Builder, Normalization, PackedNetwork, Padding, Window,
};

/// More than one group.
const IMAGES: usize = 11;
const SIZE: usize = 61;
const MEAN: [f32; 3] = [0.4, 0.5, 0.6];
const DEVIATION: [f32; 3] = [0.2, 0.3, 0.25];

/// A layer's weights, for the kernels and for Candle.
struct Weights {
    affine: Affine,
    kernel: Tensor,
    bias: Tensor,
}

/// Values from -1 to 1 that look random.
fn noise(seed: usize, count: usize) -> Vec<f32> {
    let mixed = |index: usize| ((index + 1) * 0x9e37_79b9 + seed * 0x85eb_ca6b) as u64;
    (0..count)
        .map(|index| {
            let bits = mixed(index).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
            bits as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn weights(seed: usize, outputs: usize, inputs: usize, size: usize) -> Weights {
    let scale = (2.0 / (inputs * size * size) as f32).sqrt();
    let kernel: Vec<f32> = noise(seed, outputs * inputs * size * size)
        .iter()
        .map(|value| value * scale)
        .collect();
    let bias: Vec<f32> = noise(seed + 1000, outputs);
    let shape = (outputs, inputs, size, size);
    Weights {
        kernel: Tensor::from_slice(&kernel, shape, &Device::Cpu).unwrap(),
        bias: Tensor::from_slice(&bias, (1, outputs, 1, 1), &Device::Cpu).unwrap(),
        affine: Affine::new(kernel, bias, inputs, size),
    }
}

/// The weights of the layers, in their order.
fn all() -> [Weights; 11] {
    [
        weights(0, 20, 3, 3),
        weights(1, 20, 1, 5),
        weights(2, 20, 20, 1),
        weights(3, 72, 20, 1),
        weights(4, 72, 1, 3),
        weights(5, 5, 72, 1),
        weights(6, 72, 5, 1),
        weights(7, 40, 72, 1),
        weights(8, 40, 40, 3),
        weights(9, 24, 40, 3),
        weights(10, 50, 24, 1),
    ]
}

fn window(stride: usize, padding: Padding, activation: Activation) -> Window {
    Window {
        stride,
        padding,
        activation,
    }
}

fn packed(isa: Isa, grouped: bool) -> PackedNetwork {
    use Activation::{Gelu, Identity, Relu, Silu};
    use Padding::{Same, Symmetric};
    let layers = all().map(|weights| weights.affine);
    let mut network = Builder::new(isa, SIZE, Normalization::new(MEAN, DEVIATION)).unwrap();
    let image = network.image(&layers[0], window(2, Same, Silu));
    let first = network.depthwise(image, &layers[1], window(1, Symmetric, Identity));
    let added = window(1, Symmetric, Relu);
    let value = network.convolution(first, &layers[2], added, Some(image));
    let inner = network.expansion(value, &layers[3], Silu, &layers[4], window(2, Same, Silu));
    network.gate(inner, &layers[5], &layers[6]);
    if grouped {
        network.group();
    }
    let value = network.convolution(inner, &layers[7], window(1, Same, Gelu), None);
    let next = window(1, Symmetric, Relu);
    let value = network.convolution(value, &layers[8], next, Some(value));
    let pooled = network.max_pool(value);
    let value = network.convolution(pooled, &layers[9], window(2, Symmetric, Identity), None);
    let average = network.average(value);
    let features = network.convolution(average, &layers[10], window(1, Symmetric, Relu), None);
    network.finish("test", features)
}

/// A convolution of Candle's with padding of its own.
fn convolve(value: &Tensor, weights: &Weights, stride: usize, padding: Padding) -> Tensor {
    let size = value.dim(D::Minus1).unwrap();
    let kernel = weights.kernel.dim(D::Minus1).unwrap();
    let (before, after) = match padding {
        Padding::Symmetric => (kernel / 2, kernel / 2),
        Padding::Same => {
            let outputs = size.div_ceil(stride);
            let all = ((outputs - 1) * stride + kernel).saturating_sub(size);
            (all / 2, all - all / 2)
        }
    };
    let groups = value.dim(1).unwrap() / weights.kernel.dim(1).unwrap();
    let padded = value.pad_with_zeros(2, before, after).unwrap();
    let padded = padded.pad_with_zeros(3, before, after).unwrap();
    let sums = padded
        .conv2d(&weights.kernel, 0, stride, 1, groups)
        .unwrap();
    sums.broadcast_add(&weights.bias).unwrap()
}

fn mean(value: &Tensor) -> Tensor {
    value.mean_keepdim(2).unwrap().mean_keepdim(3).unwrap()
}

/// The features by Candle's layers.
fn reference(images: &Tensor) -> Vec<f32> {
    use Padding::{Same, Symmetric};
    let layers = all();
    let channels =
        |values: [f32; 3]| Tensor::from_slice(&values, (1, 3, 1, 1), &Device::Cpu).unwrap();
    let values = images.permute((0, 3, 1, 2)).unwrap();
    let values = values.to_dtype(candle_core::DType::F32).unwrap();
    let values = (values / 255.0).unwrap();
    let values = values.broadcast_sub(&channels(MEAN)).unwrap();
    let values = values.broadcast_div(&channels(DEVIATION)).unwrap();
    let image = convolve(&values, &layers[0], 2, Same).silu().unwrap();
    let first = convolve(&image, &layers[1], 1, Symmetric);
    let value = (convolve(&first, &layers[2], 1, Symmetric) + &image).unwrap();
    let value = value.relu().unwrap();
    let value = convolve(&value, &layers[3], 1, Symmetric).silu().unwrap();
    let inner = convolve(&value, &layers[4], 2, Same).silu().unwrap();
    let squeezed = convolve(&mean(&inner), &layers[5], 1, Symmetric);
    let excited = convolve(&squeezed.silu().unwrap(), &layers[6], 1, Symmetric);
    let value = inner.broadcast_mul(&sigmoid(&excited).unwrap()).unwrap();
    let value = convolve(&value, &layers[7], 1, Same).gelu_erf().unwrap();
    let value = (convolve(&value, &layers[8], 1, Symmetric) + &value).unwrap();
    let value = value.relu().unwrap();
    let padded = value.pad_with_zeros(2, 1, 1).unwrap();
    let padded = padded.pad_with_zeros(3, 1, 1).unwrap();
    let value = padded.max_pool2d_with_stride(3, 2).unwrap();
    let value = convolve(&value, &layers[9], 2, Symmetric);
    let value = convolve(&mean(&value), &layers[10], 1, Symmetric);
    value
        .relu()
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

fn images() -> Vec<u8> {
    let values = noise(77, IMAGES * SIZE * SIZE * 3);
    values
        .iter()
        .map(|value| (127.5 + 127.0 * value) as u8)
        .collect()
}

fn tensor(images: &[u8]) -> Tensor {
    let count = images.len() / (SIZE * SIZE * 3);
    Tensor::from_slice(images, (count, SIZE, SIZE, 3), &Device::Cpu).unwrap()
}

fn features(network: &PackedNetwork, images: &[u8]) -> Vec<f32> {
    let features = network.forward(&tensor(images)).unwrap();
    features.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn layers_are_those_of_candle_and_images_do_not_depend_on_others() {
    let images = images();
    let expected = reference(&tensor(&images));
    let largest = expected.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.1, "{largest}");
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for grouped in [false, true] {
            let network = packed(isa, grouped);
            let together = features(&network, &images);
            let errors = together.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let error = errors.fold(0.0, f32::max) / largest;
            assert!(error < 1e-5, "{isa}, grouped {grouped}: {error}");
            let alone: Vec<f32> = images
                .chunks_exact(images.len() / IMAGES)
                .flat_map(|image| features(&network, image))
                .collect();
            assert!(together == alone, "{isa}, grouped {grouped}");
        }
    }
}

#[test]
fn other_tensors_are_refused() {
    let network = packed(Isa::Portable, false);
    assert_eq!((network.input_size(), network.feature_len()), (SIZE, 50));
    for wrong in [
        Tensor::zeros((1, SIZE, SIZE, 4), candle_core::DType::U8, &Device::Cpu),
        Tensor::zeros((1, SIZE, SIZE, 3), candle_core::DType::F32, &Device::Cpu),
    ] {
        let error = network.forward(&wrong.unwrap()).unwrap_err().to_string();
        assert!(error.contains("1, 61, 61"), "{error}");
    }
}
