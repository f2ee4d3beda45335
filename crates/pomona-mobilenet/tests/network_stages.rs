//! The Candle reference against Keras, stage by stage, and the kernels on the same image.

mod network_run;

use std::collections::HashMap;

use candle_core::{DType, Device, Module, Tensor};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Reference, Weights};

/// What the tests read of the reference data.
const STAGES: &str = "golden/single_image_stages.safetensors";

fn golden(data: &std::path::Path) -> (Weights, HashMap<String, Tensor>) {
    let weights = Weights::load(data.join("models/mobilenet_v2_1.0_224_classifier.safetensors"));
    let stages = data.join(STAGES);
    let stages = candle_core::safetensors::load(stages, &Device::Cpu);
    (weights.unwrap(), stages.unwrap())
}

fn image(stages: &HashMap<String, Tensor>) -> Tensor {
    stages["resized_rgb_u8_hwc"].unsqueeze(0).unwrap()
}

fn max_difference(a: &Tensor, b: &Tensor) -> f32 {
    let difference = (a.to_dtype(DType::F32).unwrap() - b).unwrap();
    let difference = difference.abs().unwrap().flatten_all().unwrap();
    difference.max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn reference_equals_keras_at_every_stage() {
    let Some(data) = network_run::test_data(STAGES) else {
        return;
    };
    let (weights, golden) = golden(&data);
    let reference = Reference::new(&weights, &Device::Cpu).unwrap();
    let stages = reference.stages(&image(&golden)).unwrap();
    // Linear stages have values of tens, of which a rounding error is a fixed share.
    let check = |name: &str, got: &Tensor| {
        let difference = max_difference(got, &golden[name]);
        let largest = max_difference(&golden[name].zeros_like().unwrap(), &golden[name]);
        println!("{name}: {difference:e} of {largest}");
        assert!(
            difference <= 2e-5 * largest,
            "{name} differs by {difference} of {largest}"
        );
    };
    check("input_nchw", &stages.input);
    // The golden file counts transformers' layers: its stem is the first block here.
    check("nchw.conv_stem", &stages.blocks[0]);
    for layer in [0, 5, 12, 15] {
        check(&format!("nchw.layer.{layer}"), &stages.blocks[layer + 1]);
    }
    check("nchw.conv_1x1", &stages.last);
    check("features", &stages.features);
    assert!(max_difference(&stages.features, &golden["features"]) <= 1e-4);
}

#[test]
fn every_instruction_set_equals_keras() {
    let Some(data) = network_run::test_data(STAGES) else {
        return;
    };
    let (weights, golden) = golden(&data);
    for isa in Isa::ALL {
        if !isa.is_available() {
            println!("skipped: this processor has no {isa}");
            continue;
        }
        let network = MobileNetV2::with_isa(&weights, isa, Precision::F32).unwrap();
        let features = network.forward(&image(&golden)).unwrap();
        let difference = max_difference(&features, &golden["features"]);
        println!("{isa}: {difference:e}");
        assert!(difference <= 1e-4, "{isa} differs by {difference}");
    }
}

#[test]
fn an_image_has_the_same_features_alone_and_in_any_group() {
    let Some(data) = network_run::test_data(STAGES) else {
        return;
    };
    let (weights, golden) = golden(&data);
    let network = MobileNetV2::new(&weights).unwrap();
    let bytes: Vec<u8> = image(&golden).flatten_all().unwrap().to_vec1().unwrap();
    let scratch = network.scratch_bytes();
    assert!(scratch < 8 << 20, "scratch of {scratch} bytes");
    let alone = network_run::features(&network, &bytes);

    // Others of the group are other images, so that a mix-up cannot go unseen.
    for (count, place) in [(2, 1), (5, 0), (8, 7), (11, 9), (16, 8)] {
        let mut group = Vec::new();
        for image in 0..count {
            let shift = if image == place { 0 } else { 40 + image as u8 };
            group.extend(bytes.iter().map(|byte| byte.wrapping_add(shift)));
        }
        let features = network_run::features(&network, &group);
        for (image, features) in features.chunks_exact(alone.len()).enumerate() {
            let mut differences = features.iter().zip(&alone).map(|(a, b)| (a - b).abs());
            if image == place {
                assert!(
                    differences.all(|difference| difference < 1e-6),
                    "{count} {place}"
                );
            } else {
                assert!(
                    differences.any(|difference| difference > 0.1),
                    "{count} {image}"
                );
            }
        }
    }
}
