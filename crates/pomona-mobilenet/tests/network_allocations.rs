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
    let weights = Weights::random(0.35, 3).unwrap();
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
        let network = MobileNetV2::with_isa(&weights, isa, precision).unwrap();
        let mut scratch = Scratch::new(&network);
        let pictures = vec![100; 11 * network.input_size() * network.input_size() * 3];
        let mut features = vec![0.0; 11 * network.feature_len()];
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        network.features_into(&mut scratch, &pictures, &mut features);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert_eq!(allocations, 0, "{isa} {precision:?}");
        assert!(features.iter().any(|feature| *feature > 0.0));
    }
}
