//! A forward pass allocates nothing: counted by the allocator of this test's own process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Scratch, Weights};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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
fn nothing_is_allocated_for_a_picture() {
    // The first has no classifier, the second has one of 114 classes.
    for weights in [Weights::random(0.35, 3), Weights::fruits()] {
        let weights = weights.unwrap();
        for (isa, precision) in [
            (Isa::Amx, Precision::F32),
            (Isa::Amx, Precision::Bf16),
            (Isa::Avx512, Precision::F32),
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

fn check(network: &MobileNetV2) {
    let mut scratch = Scratch::new(network);
    let pictures = vec![100; 11 * network.input_size() * network.input_size() * 3];
    let mut features = vec![0.0; 11 * network.feature_len()];
    let classes = network.classifier().map_or(0, |c| c.labels().len());
    let mut scores = vec![0.0; 11 * classes];
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    network.features_into(&mut scratch, &pictures, &mut features);
    if let Some(classifier) = network.classifier() {
        classifier.scores(&features, &mut scores);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert_eq!(
        allocations,
        0,
        "{} {:?}",
        network.isa(),
        network.precision()
    );
    assert!(features.iter().any(|feature| *feature > 0.0));
    assert_eq!(classes > 0, scores.iter().any(|score| *score > 0.0));
}
