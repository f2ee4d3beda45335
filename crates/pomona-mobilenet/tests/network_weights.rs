//! Weights files: three name schemes, three number types, metadata, and every way to be wrong.

use std::collections::HashMap;

use candle_core::{DType, Device, Module, Tensor};
use pomona_mobilenet::network::architecture::{Architecture, Padding};
use pomona_mobilenet::network::{MobileNetV2, Weights, WeightsError};

type Tensors = HashMap<String, Tensor>;

/// Random weights under the names of their file, canonical names being those of transformers.
fn tensors(weights: &Weights) -> Tensors {
    let mut tensors = HashMap::new();
    let mut take = |layer: String| {
        for part in [
            "convolution.weight",
            "normalization.weight",
            "normalization.bias",
            "normalization.running_mean",
            "normalization.running_var",
        ] {
            let name = format!("mobilenet_v2.{layer}.{part}");
            tensors.insert(name.clone(), weights.get(&name).expect(&name).clone());
        }
    };
    for layer in ["first_conv", "conv_3x3", "reduce_1x1"] {
        take(format!("conv_stem.{layer}"));
    }
    for block in 0..16 {
        for layer in ["expand_1x1", "conv_3x3", "reduce_1x1"] {
            take(format!("layer.{block}.{layer}"));
        }
    }
    take("conv_1x1".to_owned());
    tensors
}

fn file(tensors: &Tensors, metadata: &[(&str, &str)]) -> Vec<u8> {
    let metadata = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    safetensors::serialize(tensors, Some(metadata)).unwrap()
}

fn random() -> Weights {
    Weights::random(0.35, 5).unwrap()
}

fn error(tensors: &Tensors, metadata: &[(&str, &str)]) -> String {
    Weights::from_bytes(&file(tensors, metadata))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_file_gives_back_its_tensors_and_its_digest() {
    let tensors = tensors(&random());
    let bytes = file(&tensors, &[]);
    let weights = Weights::from_bytes(&bytes).unwrap();
    assert_eq!(weights.architecture(), &Architecture::keras(0.35, 224));
    assert_eq!(weights.sha256().len(), 64);
    for (name, tensor) in &tensors {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(weights.get(name).unwrap()), values(tensor), "{name}");
    }
}

#[test]
fn metadata_decides_what_shapes_cannot() {
    let metadata = [
        ("padding", "symmetric"),
        ("batch_norm_epsilon", "1e-5"),
        ("input_size", "96"),
        ("width", "0.35"),
    ];
    let weights = Weights::from_bytes(&file(&tensors(&random()), &metadata)).unwrap();
    let expected = Architecture::new(0.35, 96, Padding::Symmetric, 1e-5);
    assert_eq!(weights.architecture(), &expected);
    for (key, value) in [
        ("padding", "reflect"),
        ("batch_norm_epsilon", "-1"),
        ("batch_norm_epsilon", "NaN"),
        ("input_size", "0"),
        ("input_size", "100000"),
        ("width", "inf"),
    ] {
        let message = error(&tensors(&random()), &[(key, value)]);
        assert!(
            message.contains(key) && message.contains(value),
            "{message}"
        );
    }
}

#[test]
fn half_precision_files_are_widened() {
    let full = random();
    let stem = "mobilenet_v2.conv_stem.first_conv.convolution.weight";
    for dtype in [DType::F16, DType::BF16] {
        let mut tensors = tensors(&full);
        for tensor in tensors.values_mut() {
            *tensor = tensor.to_dtype(dtype).unwrap();
        }
        let weights = Weights::from_bytes(&file(&tensors, &[])).unwrap();
        let got = weights.get(stem).unwrap();
        assert_eq!(got.dtype(), DType::F32);
        let difference = (got - full.get(stem).unwrap()).unwrap().abs().unwrap();
        let difference = difference.flatten_all().unwrap().max(0).unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 2e-3);
    }
}

#[test]
fn torchvision_and_timm_names_give_the_same_features() {
    // The same tensors under other names, with the padding and epsilon that those names imply.
    let weights = random();
    let symmetric = [("padding", "symmetric"), ("batch_norm_epsilon", "1e-5")];
    let expected = features(&file(&tensors(&weights), &symmetric));
    for rename in [torchvision as fn(&str) -> String, timm] {
        let renamed: Tensors = tensors(&weights)
            .into_iter()
            .map(|(name, tensor)| (rename(&name), tensor))
            .collect();
        assert_eq!(renamed.len(), tensors(&weights).len());
        assert!(features(&file(&renamed, &[])) == expected);
    }
}

fn features(bytes: &[u8]) -> Vec<f32> {
    let network = MobileNetV2::new(&Weights::from_bytes(bytes).unwrap()).unwrap();
    let images = Tensor::arange(0_u32, 224 * 224 * 3, &Device::Cpu).unwrap();
    let images = (images.to_dtype(DType::F64).unwrap() / 600.0).unwrap();
    let images = images.to_dtype(DType::U8).unwrap();
    let images = images.reshape((1, 224, 224, 3)).unwrap();
    let features = network.forward(&images).unwrap();
    features.flatten_all().unwrap().to_vec1().unwrap()
}

fn torchvision(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let (prefix, layer, rest) = match parts[1] {
        "conv_1x1" => ("features.18".to_owned(), "", &parts[2..]),
        "conv_stem" if parts[2] == "first_conv" => ("features.0".to_owned(), "", &parts[3..]),
        "conv_stem" => ("features.1.conv".to_owned(), parts[2], &parts[3..]),
        _ => {
            let block: usize = parts[2].parse().unwrap();
            (
                format!("features.{}.conv", block + 2),
                parts[3],
                &parts[4..],
            )
        }
    };
    let convolution = rest[0] == "convolution";
    let first_block = parts[1] == "conv_stem";
    let index = match (layer, convolution) {
        ("", true) => "0",
        ("", false) => "1",
        ("expand_1x1", true) => "0.0",
        ("expand_1x1", false) => "0.1",
        ("conv_3x3", true) if first_block => "0.0",
        ("conv_3x3", false) if first_block => "0.1",
        ("conv_3x3", true) => "1.0",
        ("conv_3x3", false) => "1.1",
        (_, true) if first_block => "1",
        (_, false) if first_block => "2",
        (_, true) => "2",
        (_, false) => "3",
    };
    format!("{prefix}.{index}.{}", rest[1])
}

fn timm(name: &str) -> String {
    const BLOCKS: [&str; 16] = [
        "1.0", "1.1", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2", "3.3", "4.0", "4.1", "4.2", "5.0",
        "5.1", "5.2", "6.0",
    ];
    let parts: Vec<&str> = name.split('.').collect();
    let (prefix, names, rest) = match parts[1] {
        "conv_1x1" => (String::new(), ("conv_head", "bn2"), &parts[2..]),
        "conv_stem" => match parts[2] {
            "first_conv" => (String::new(), ("conv_stem", "bn1"), &parts[3..]),
            "conv_3x3" => ("blocks.0.0.".to_owned(), ("conv_dw", "bn1"), &parts[3..]),
            _ => ("blocks.0.0.".to_owned(), ("conv_pw", "bn2"), &parts[3..]),
        },
        _ => {
            let block: usize = parts[2].parse().unwrap();
            let names = match parts[3] {
                "expand_1x1" => ("conv_pw", "bn1"),
                "conv_3x3" => ("conv_dw", "bn2"),
                _ => ("conv_pwl", "bn3"),
            };
            (format!("blocks.{}.", BLOCKS[block]), names, &parts[4..])
        }
    };
    let layer = if rest[0] == "convolution" {
        names.0
    } else {
        names.1
    };
    format!("{prefix}{layer}.{}", rest[1])
}

#[test]
fn what_is_wrong_is_named() {
    let good = tensors(&random());
    let name = "mobilenet_v2.layer.3.conv_3x3.convolution.weight";

    let mut missing = good.clone();
    missing.remove(name);
    assert!(error(&missing, &[]).contains("layer.3.conv_3x3.convolution.weight` is missing"));

    let mut shape = good.clone();
    shape.insert(
        name.to_owned(),
        Tensor::zeros((7, 1, 3, 3), DType::F32, &Device::Cpu).unwrap(),
    );
    let message = error(&shape, &[]);
    assert!(
        message.contains(name) && message.contains("[7, 1, 3, 3]"),
        "{message}"
    );
    assert!(message.contains("[96, 1, 3, 3]"), "{message}");

    let mut dtype = good.clone();
    dtype.insert(name.to_owned(), good[name].to_dtype(DType::F64).unwrap());
    assert!(error(&dtype, &[]).contains("F64"));

    let mut infinite = good.clone();
    infinite.insert(name.to_owned(), (&good[name] / 0.0).unwrap());
    assert!(error(&infinite, &[]).contains("not finite"));

    let others = HashMap::from([("encoder.weight".to_owned(), good[name].clone())]);
    assert!(error(&others, &[]).contains("not those of a MobileNetV2"));

    let variance = "mobilenet_v2.conv_1x1.normalization.running_var";
    let mut negative = good.clone();
    negative.insert(variance.to_owned(), (&good[variance] * -1.0).unwrap());
    let weights = Weights::from_bytes(&file(&negative, &[])).unwrap();
    let message = MobileNetV2::new(&weights).unwrap_err().to_string();
    assert!(message.contains(variance), "{message}");
}

/// The ways in which the tensors of a file are named.
const NAMINGS: [fn(&str) -> String; 3] = [str::to_owned, timm, torchvision];

fn renamed(weights: &Weights, rename: fn(&str) -> String) -> Tensors {
    let tensors = tensors(weights).into_iter();
    tensors
        .map(|(name, tensor)| (rename(&name), tensor))
        .collect()
}

#[test]
fn every_width_is_read_in_every_naming() {
    for width in [0.35, 0.5, 0.75, 1.0, 1.2, 1.3, 1.4] {
        let weights = Weights::random(width, 5).unwrap();
        for rename in NAMINGS {
            // Without metadata: the width is read off the shapes.
            let read = Weights::from_bytes(&file(&renamed(&weights, rename), &[])).unwrap();
            let (read, written) = (read.architecture(), weights.architecture());
            assert_eq!(read.width, width);
            assert_eq!(
                (&read.blocks, read.features),
                (&written.blocks, written.features)
            );
        }
    }
}

#[test]
fn what_is_wrong_is_named_as_in_the_file() {
    let weights = random();
    let canonical = "mobilenet_v2.layer.3.conv_3x3.convolution.weight";
    for (rename, name) in NAMINGS.into_iter().zip([
        canonical,
        "blocks.2.1.conv_dw.weight",
        "features.5.conv.1.0.weight",
    ]) {
        assert_eq!(rename(canonical), name);
        let good = renamed(&weights, rename);
        let spoilt = |tensor: Option<Tensor>| {
            let mut tensors = good.clone();
            match tensor {
                Some(tensor) => tensors.insert(name.to_owned(), tensor),
                None => tensors.remove(name),
            };
            error(&tensors, &[])
        };
        // The prefix of transformers may be there or not, so it is not part of the name.
        let short = name.trim_start_matches("mobilenet_v2.");
        assert_eq!(spoilt(None), format!("tensor `{short}` is missing"));
        let tensor = &good[name];
        let shape = Tensor::zeros((96, 1, 3, 5), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(
            spoilt(Some(shape)),
            format!("tensor `{name}` has shape [96, 1, 3, 5], the network needs [96, 1, 3, 3]")
        );
        assert_eq!(
            spoilt(Some(tensor.to_dtype(DType::F64).unwrap())),
            format!("tensor `{name}` has type F64, expected F32, F16 or BF16")
        );
        let message = spoilt(Some((tensor / 0.0).unwrap()));
        assert_eq!(
            message,
            format!("tensor `{name}` holds values that are not finite")
        );
        let bytes = file(&good, &[]);
        let cut = Weights::from_bytes(&bytes[..bytes.len() - 1]);
        assert!(matches!(cut, Err(WeightsError::Format(_))));
    }
}

#[test]
fn bytes_that_are_no_file_are_refused() {
    let bytes = file(&tensors(&random()), &[]);
    for len in [0, 4, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        let result = Weights::from_bytes(&bytes[..len]);
        assert!(
            matches!(result, Err(WeightsError::Format(_))),
            "{len} bytes"
        );
    }
    let result = Weights::load("/nowhere/weights.safetensors");
    assert!(matches!(&result, Err(WeightsError::Read { .. })));
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("/nowhere/weights.safetensors")
    );
}
