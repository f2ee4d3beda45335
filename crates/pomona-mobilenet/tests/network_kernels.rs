//! The kernels against the Candle reference, over widths, sizes, paddings and instruction sets.

mod network_run;

use candle_core::{DType, Module};
use network_run::{as_exact_as_layers, tensor};
use pomona_mobilenet::network::architecture::{Architecture, Padding};
use pomona_mobilenet::network::{MobileNetV2, Weights};

/// Images of noise that is smooth in part: xorshift over a gradient.
fn images(count: usize, size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count * size * size * 3)
        .map(|index| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((index / 3 % size * 200 / size) as u8).wrapping_add((state >> 58) as u8)
        })
        .collect()
}

fn agree(architecture: Architecture, count: usize) {
    let name = format!(
        "width {}, {} pixels, {:?} padding",
        architecture.width, architecture.input_size, architecture.padding
    );
    let images = images(count, architecture.input_size);
    let weights = Weights::random_for(architecture, 7).unwrap();
    as_exact_as_layers(&name, &weights, &images);
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
fn more_images_than_a_group() {
    agree(Architecture::keras(0.35, 72), 11);
}

#[test]
fn tensors_of_another_shape_or_type_are_refused() {
    let weights = Weights::random(0.35, 1).unwrap();
    let network = MobileNetV2::new(&weights).unwrap();
    let small = tensor(32, &images(1, 32));
    assert!(
        network
            .forward(&small)
            .unwrap_err()
            .to_string()
            .contains("224")
    );
    let float = tensor(224, &images(1, 224)).to_dtype(DType::F32).unwrap();
    assert!(
        network
            .forward(&float)
            .unwrap_err()
            .to_string()
            .contains("U8")
    );
}
