//! The instruction sets against each other, and a picture against itself in other company.

use std::path::PathBuf;

use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Scratch, Weights};

const PICTURES: usize = 9;

/// Real weights where the reference data is at hand, random ones elsewhere.
fn weights() -> Weights {
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let file = data.join("models/mobilenet_v2_1.0_224.safetensors");
    if file.exists() {
        Weights::load(&file).unwrap()
    } else {
        eprintln!("random weights: no {}", file.display());
        Weights::random(1.0, 5).unwrap()
    }
}

/// Pictures with soft colours and edges, no two alike.
fn pictures(side: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(PICTURES * side * side * 3);
    for picture in 0..PICTURES {
        for y in 0..side {
            for x in 0..side {
                for channel in 0..3 {
                    let wave = (x * (picture + 2) + y * (channel + 3)) as f32 / 40.0;
                    let edge = if (x + picture * 17) % 90 < 45 {
                        60.0
                    } else {
                        0.0
                    };
                    pixels.push((97.0 + 95.0 * wave.sin() + edge) as u8);
                }
            }
        }
    }
    pixels
}

fn features(network: &MobileNetV2, pictures: &[u8]) -> Vec<f32> {
    let side = network.input_size();
    let count = pictures.len() / (side * side * 3);
    let mut out = vec![0.0; count * network.feature_len()];
    network.features_into(&mut Scratch::new(network), pictures, &mut out);
    out
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

#[test]
fn instruction_sets_agree() {
    let weights = weights();
    let of = |isa: Isa| {
        let network = MobileNetV2::with_isa(&weights, isa, Precision::F32).ok()?;
        Some(features(&network, &pictures(network.input_size())))
    };
    let portable = of(Isa::Portable).expect("the portable kernels run everywhere");
    // AMX adds products of bf16 parts, so its sums round elsewhere.
    for (isa, bound) in [(Isa::Avx2, 1e-5), (Isa::Avx512, 1e-5), (Isa::Amx, 3e-5)] {
        let Some(features) = of(isa) else {
            eprintln!("skipped: this processor has no {isa}");
            continue;
        };
        let difference = largest_difference(&features, &portable);
        eprintln!("{isa} differs from the portable kernels by {difference:.2e}");
        // As numpy's allclose: absolute below 1, relative above, where an f32 has fewer digits
        // behind its point.
        for (a, b) in features.iter().zip(&portable) {
            assert!(
                (a - b).abs() <= bound * (1.0 + b.abs()),
                "{isa}: {a} and {b}"
            );
        }
    }
}

#[test]
fn company_does_not_change_a_picture() {
    let weights = weights();
    for isa in [Isa::Amx, Isa::Avx512, Isa::Avx2, Isa::Portable] {
        let Ok(network) = MobileNetV2::with_isa(&weights, isa, Precision::F32) else {
            continue;
        };
        let pictures = pictures(network.input_size());
        let together = features(&network, &pictures);
        let alone: Vec<f32> = pictures
            .chunks_exact(pictures.len() / PICTURES)
            .flat_map(|picture| features(&network, picture))
            .collect();
        let difference = largest_difference(&together, &alone);
        assert!(difference == 0.0, "{isa}: {difference:e}");
    }
}
