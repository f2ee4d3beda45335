//! Every kernel of the resize against the plain one, over random images and sizes.

use pomona_mobilenet::preprocess::RgbImage;
use pomona_mobilenet::preprocess::resize::{Kernel, Resizer};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn kernels_agree(
        source in (1u32..300, 1u32..300),
        target in (1usize..240, 1usize..240),
        seed in any::<u64>(),
    ) {
        agree(source, target, seed);
    }

    #[test]
    fn kernels_agree_on_extreme_shapes(
        long in 300u32..5000,
        short in 1u32..4,
        upright in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let source = if upright { (short, long) } else { (long, short) };
        agree(source, (224, 224), seed);
    }
}

#[test]
fn kernels_agree_on_every_small_source() {
    for width in 1..20 {
        for height in 1..20 {
            agree((width, height), (17, 33), u64::from(width * 20 + height));
        }
    }
}

#[test]
fn extreme_values_are_clipped() {
    // A one-pixel checkerboard overshoots on both sides of the byte range.
    for (width, height) in [(100, 100), (223, 225), (450, 97)] {
        let pixels = (0..width * height)
            .flat_map(|i| {
                [if (i % width + i / width) % 2 == 0 {
                    255
                } else {
                    0
                }; 3]
            })
            .collect();
        compare(
            &RgbImage {
                width,
                height,
                pixels,
            },
            (224, 224),
        );
    }
}

#[test]
fn an_image_of_the_size_is_copied() {
    let source = noise(224, 224, 7);
    let mut out = vec![0; source.pixels.len()];
    Resizer::new(224, 224).resize(&source, &mut out);
    assert_eq!(out, source.pixels);
}

#[test]
fn a_resizer_serves_many_sizes_in_turn() {
    let mut resizer = Resizer::new(60, 50);
    let sizes = [
        (10, 10),
        (500, 20),
        (10, 10),
        (60, 9),
        (9, 50),
        (60, 50),
        (1, 1),
    ];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        let source = noise(width, height, i as u64);
        let mut kept = vec![0; 60 * 50 * 3];
        resizer.resize(&source, &mut kept);
        let mut fresh = vec![0; 60 * 50 * 3];
        Resizer::with_kernel(60, 50, Kernel::Portable).resize(&source, &mut fresh);
        assert!(kept == fresh, "{width}x{height}");
    }
}

#[test]
fn an_even_image_stays_even() {
    for value in [0, 1, 127, 254, 255] {
        let pixels = vec![value; 37 * 91 * 3];
        let source = RgbImage {
            width: 37,
            height: 91,
            pixels,
        };
        let mut out = vec![!value; 224 * 224 * 3];
        Resizer::new(224, 224).resize(&source, &mut out);
        assert!(out.iter().all(|v| *v == value), "{value}");
    }
}

fn agree((width, height): (u32, u32), target: (usize, usize), seed: u64) {
    compare(&noise(width, height, seed), target);
}

fn compare(source: &RgbImage, (width, height): (usize, usize)) {
    let mut expected = vec![0; width * height * 3];
    Resizer::with_kernel(width, height, Kernel::Portable).resize(source, &mut expected);
    for kernel in Kernel::available() {
        let mut out = vec![0; expected.len()];
        Resizer::with_kernel(width, height, kernel).resize(source, &mut out);
        assert!(
            out == expected,
            "{kernel:?}: {}x{} to {width}x{height}",
            source.width,
            source.height
        );
    }
}

/// Values from the whole range, most of them at its ends.
fn noise(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let pixels = (0..width * height * 3)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match state >> 62 {
                0 => 0,
                1 => 255,
                _ => (state >> 50) as u8,
            }
        })
        .collect();
    RgbImage {
        width,
        height,
        pixels,
    }
}
