//! A forward pass allocates its tensors and nothing an image: counted by the allocator of this
//! test's own process.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Module, Tensor};
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
