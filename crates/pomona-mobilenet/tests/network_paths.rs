//! The instruction sets against each other and against f64, and an image alone and beside others.

mod network_run;

use network_run::{as_exact_as_layers, features, network, test_data};
use pomona_mobilenet::network::{Isa, Precision, Weights};

const IMAGES: usize = 9;

/// Images with soft colours and edges, no two alike.
fn images(side: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(IMAGES * side * side * 3);
    for image in 0..IMAGES {
        for y in 0..side {
            for x in 0..side {
                for channel in 0..3 {
                    let wave = (x * (image + 2) + y * (channel + 3)) as f32 / 40.0;
                    let edge = if (x + image * 17) % 90 < 45 {
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

fn agree(name: &str, weights: &Weights, count: usize) {
    let side = weights.architecture().input_size;
    let images = &images(side)[..count * side * side * 3];
    as_exact_as_layers(name, weights, images);
}

#[test]
fn instruction_sets_are_as_exact_as_f32_layers_with_the_weights_of_the_library() {
    agree("fruits", &Weights::fruits().unwrap(), IMAGES);
}

#[test]
fn instruction_sets_are_as_exact_as_f32_layers_with_random_weights() {
    // A larger error than with trained weights, and a network of another width.
    for (width, seed) in [(1.0, 5), (0.35, 6)] {
        let weights = Weights::random(width, seed).unwrap();
        agree(&format!("random {width}"), &weights, 2);
    }
}

#[test]
fn instruction_sets_are_as_exact_as_f32_layers_with_the_weights_of_imagenet() {
    let file = "models/mobilenet_v2_1.0_224.safetensors";
    let Some(data) = test_data(file) else { return };
    agree("imagenet", &Weights::load(data.join(file)).unwrap(), 3);
}

#[test]
fn an_image_has_the_same_bits_alone_and_beside_others() {
    let weights = Weights::fruits().unwrap();
    for isa in Isa::ALL {
        for precision in [Precision::F32, Precision::Bf16] {
            let Some(network) = network(&weights, isa, precision) else {
                continue;
            };
            let images = images(network.input_size());
            let together = features(&network, &images);
            let alone: Vec<f32> = images
                .chunks_exact(images.len() / IMAGES)
                .flat_map(|image| features(&network, image))
                .collect();
            assert!(together == alone, "{isa} {precision:?}");
        }
    }
}

/// bf16 rounds the operands of 34 convolutions by up to 2^-9 of each. Were no layer to enlarge the
/// error of the one before it, and did all errors add up with one sign, features would move by
/// this share of the largest; they do not add up so, which makes room for what is enlarged.
const BF16: f64 = 34.0 / 512.0;

#[test]
fn bf16_is_as_exact_with_every_instruction_set_as_with_the_portable_one() {
    let weights = Weights::fruits().unwrap();
    let side = weights.architecture().input_size;
    let images = images(side);
    let exact = network_run::exact(&weights, &images);
    let largest = exact.iter().copied().fold(0.0, f64::max);
    let portable = network(&weights, Isa::Portable, Precision::Bf16).unwrap();
    let unit = network_run::error(&features(&portable, &images), &exact);
    assert!(unit < BF16 * largest, "{unit} of {largest}");
    // A hundred times the error of f32: this is bf16.
    assert!(unit > 1e-4 * largest, "{unit} of {largest}");
    for isa in Isa::ALL {
        let Some(network) = network(&weights, isa, Precision::Bf16) else {
            continue;
        };
        // The same values are rounded at the same places, but for sums that lie beside the middle
        // of two bf16: the largest of ten thousand errors hardly changes.
        let error = network_run::error(&features(&network, &images), &exact);
        println!("{isa}: {error:.2e} from f64, portable {unit:.2e}, of {largest:.1}");
        assert!(error <= 1.5 * unit, "{isa}: {error:e}, {unit:e}");
    }
}
