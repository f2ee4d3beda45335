//! The kernels against the Candle reference, over widths, sizes, paddings and instruction sets.

use candle_core::{Device, Tensor};
use pomona_mobilenet::network::architecture::{Architecture, Padding};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Reference, Weights};

/// Pictures of noise that is smooth in part: xorshift over a gradient.
fn pictures(count: usize, size: usize) -> Tensor {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bytes: Vec<u8> = (0..count * size * size * 3)
        .map(|index| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((index / 3 % size * 200 / size) as u8).wrapping_add((state >> 58) as u8)
        })
        .collect();
    Tensor::from_vec(bytes, (count, size, size, 3), &Device::Cpu).unwrap()
}

fn agree(architecture: Architecture, count: usize) {
    let name = format!("{architecture:?}");
    let name = name.split("blocks").next().unwrap();
    let pictures = pictures(count, architecture.input_size);
    let weights = Weights::random_for(architecture, 7).unwrap();
    let reference = Reference::new(&weights, &Device::Cpu).unwrap();
    let expected: Vec<f32> = values(&reference.forward(&pictures).unwrap());
    let largest = expected.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.1, "{name}: the random network has died out");
    for isa in [Isa::Amx, Isa::Avx512, Isa::Avx2, Isa::Portable] {
        if !isa.is_available() {
            println!("skipped: this processor has no {isa}");
            continue;
        }
        let network = MobileNetV2::with_isa(&weights, isa, Precision::F32).unwrap();
        let features = values(&network.forward(&pictures).unwrap());
        assert_eq!(features.len(), expected.len());
        let difference = features.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let difference = difference.fold(0.0, f32::max);
        println!("{name} {isa}: {difference:e} of {largest}");
        assert!(difference <= 1e-4, "{name} {isa}: {difference}");
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_width() {
    for width in [0.35, 0.5, 0.75, 1.0, 1.3, 1.4] {
        agree(Architecture::keras(width, 64), 1);
    }
}

#[test]
fn every_kind_of_size() {
    for size in [32, 33, 96, 131, 160, 224] {
        agree(Architecture::keras(0.35, size), 1);
    }
}

#[test]
fn symmetric_padding() {
    for size in [64, 97] {
        agree(Architecture::new(0.5, size, Padding::Symmetric, 1e-5), 1);
    }
}

#[test]
fn more_pictures_than_a_group() {
    agree(Architecture::keras(0.35, 72), 11);
}

#[test]
fn tensors_of_another_shape_or_type_are_refused() {
    let weights = Weights::random(0.35, 1).unwrap();
    let network = MobileNetV2::new(&weights).unwrap();
    let small = pictures(1, 32);
    assert!(
        network
            .forward(&small)
            .unwrap_err()
            .to_string()
            .contains("224")
    );
    let float = pictures(1, 224).to_dtype(candle_core::DType::F32).unwrap();
    assert!(
        network
            .forward(&float)
            .unwrap_err()
            .to_string()
            .contains("U8")
    );
}
