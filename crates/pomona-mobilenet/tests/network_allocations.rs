//! A forward pass allocates its tensors and nothing an image: counted by the allocator of this
//! test's own process.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Module, Tensor};
use pomona_mobilenet::network::layers::{
    Activation, Affine, Builder, Normalization, PackedNetwork, Padding, TransformerBlock,
    TransformerWeights, Window,
};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Weights};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The only test of this binary: another would allocate at the same time.
#[test]
fn nothing_is_allocated_for_an_image_but_its_features() {
    // The first has no classifier, the second has one of 114 classes.
    for weights in [Weights::random(0.35, 3), Weights::fruits()] {
        let weights = weights.unwrap();
        for (isa, precision) in [
            (Isa::Amx, Precision::F32),
            (Isa::Amx, Precision::Bf16),
            (Isa::Avx512, Precision::F32),
            (Isa::Avx512, Precision::Bf16),
            (Isa::Avx2, Precision::F32),
            (Isa::Portable, Precision::F32),
        ] {
            if !isa.is_available() {
                println!("skipped: this processor has no {isa}");
                continue;
            }
            check(&MobileNetV2::with_isa(&weights, isa, precision).unwrap());
        }
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for network in [convolutions(isa), transformer(isa)] {
            // The first pass of a thread makes its buffers.
            allocated(&network, 3);
            let (once, _) = allocated(&network, 1);
            for count in [1, 8, 11] {
                let (allocations, bytes) = allocated(&network, count);
                assert_eq!(allocations, once, "{network:?}, {count} images");
                let values = count * network.feature_len() * size_of::<f32>();
                assert!(
                    bytes < values + TENSORS,
                    "{network:?}, {count} images: {bytes}"
                );
            }
        }
    }
}

fn affine(outputs: usize, inputs: usize, size: usize) -> Affine {
    let count = outputs * inputs * size * size;
    Affine::new(vec![0.1; count], vec![0.1; outputs], inputs, size)
}

fn normalization() -> Normalization {
    Normalization::new([0.2; 3], [0.5; 3])
}

/// A network of every kind of layer.
fn convolutions(isa: Isa) -> PackedNetwork {
    let window = Window {
        stride: 2,
        padding: Padding::Same,
        activation: Activation::Silu,
    };
    let mut network = Builder::new(isa, 64, normalization()).unwrap();
    let image = network.image(&affine(16, 3, 3), window);
    let value = network.max_pool(image);
    let silu = Activation::Silu;
    let value = network.expansion(value, &affine(32, 16, 1), silu, &affine(32, 1, 5), window);
    network.gate(value, &affine(8, 32, 1), &affine(32, 8, 1));
    network.group();
    let point = Window {
        stride: 1,
        ..window
    };
    let value = network.convolution(value, &affine(16, 32, 1), point, None);
    let value = network.depthwise(value, &affine(16, 1, 3), window);
    let features = network.average(value);
    network.finish("convolutions", features)
}

fn transformer(isa: Isa) -> PackedNetwork {
    let width = 32;
    let norm = || [vec![1.0; 32], vec![0.5; 32]];
    let weights = TransformerWeights {
        input_size: 42,
        normalization: normalization(),
        patch: affine(width, 3, 14),
        class: vec![0.3; width],
        positions: vec![0.1; 10 * width],
        blocks: vec![TransformerBlock {
            attention_norm: norm(),
            queries_keys_values: affine(3 * width, width, 1),
            project: affine(width, width, 1),
            perceptron_norm: norm(),
            expand: affine(4 * width, width, 1),
            contract: affine(width, 4 * width, 1),
        }],
        norm: norm(),
        heads: 2,
        epsilon: 1e-6,
    };
    weights.pack("transformer", isa).unwrap()
}

/// Allocations and their bytes between a tensor of images and that of features.
fn allocated(network: &PackedNetwork, count: usize) -> (usize, usize) {
    let size = network.input_size();
    let images = vec![100_u8; count * size * size * 3];
    let images = Tensor::from_vec(images, (count, size, size, 3), &Device::Cpu).unwrap();
    let counts = || {
        let allocations = ALLOCATIONS.load(Ordering::Relaxed);
        (allocations, BYTES.load(Ordering::Relaxed))
    };
    let before = counts();
    let features = network.forward(&images).unwrap();
    let after = counts();
    let values: Vec<f32> = features.flatten_all().unwrap().to_vec1().unwrap();
    assert!(values.iter().all(|value| value.is_finite()) && values[0] != 0.0);
    (after.0 - before.0, after.1 - before.1)
}

/// What [`forward`] may allocate besides the values: storages, tensors, shapes and strides.
const TENSORS: usize = 2 << 10;

fn check(network: &MobileNetV2) {
    // The first pass of a thread makes its buffers.
    forward(network, 3);
    let (once, _) = forward(network, 1);
    for count in [1, 8, 11, 64] {
        let (allocations, bytes) = forward(network, count);
        let name = format!("{} {:?}", network.isa(), network.precision());
        assert_eq!(allocations, once, "{name}, {count} images");
        let classes = network.classifier().map_or(0, |c| c.labels().len());
        let values = count * (network.feature_len() + classes) * size_of::<f32>();
        assert!(bytes < values + TENSORS, "{name}, {count} images: {bytes}");
    }
}

/// Allocations and their bytes between a tensor of images and those of features and scores.
fn forward(network: &MobileNetV2, count: usize) -> (usize, usize) {
    let size = network.input_size();
    let images = vec![100_u8; count * size * size * 3];
    let images = Tensor::from_vec(images, (count, size, size, 3), &Device::Cpu).unwrap();
    let counts = || {
        let allocations = ALLOCATIONS.load(Ordering::Relaxed);
        (allocations, BYTES.load(Ordering::Relaxed))
    };
    let before = counts();
    let features = network.forward(&images).unwrap();
    let scores = network
        .classifier()
        .map(|classifier| classifier.forward(&features));
    let after = counts();
    let largest = |tensor: &Tensor| {
        let largest = tensor.flatten_all().unwrap().max(0).unwrap();
        largest.to_scalar::<f32>().unwrap()
    };
    assert!(largest(&features) > 0.0);
    assert!(scores.is_none_or(|scores| largest(&scores.unwrap()) > 0.0));
    (after.0 - before.0, after.1 - before.1)
}
