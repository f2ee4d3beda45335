//! The classifier: logits of Keras, labels of the file, and every number of classes.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Module, Tensor};
use pomona_mobilenet::FeatureExtractor;
use pomona_mobilenet::network::{
    Isa, LabelSource, MobileNetV2, Precision, SaveOptions, Weights, WeightsError,
};
use pomona_mobilenet::preprocess::DecodeLimits;

const ALL: [(Isa, Precision); 6] = [
    (Isa::Amx, Precision::F32),
    (Isa::Amx, Precision::Bf16),
    (Isa::Avx512, Precision::F32),
    (Isa::Avx512, Precision::Bf16),
    (Isa::Avx2, Precision::F32),
    (Isa::Portable, Precision::F32),
];

/// A network of width 0.35 with a head for some classes, and that head.
struct Head {
    file: Vec<u8>,
    matrix: Vec<f32>,
    bias: Vec<f32>,
}

const FEATURES: usize = 1280;

impl Head {
    fn new(classes: usize, labels: Option<&str>) -> Self {
        let bytes = Weights::random(0.35, 3).unwrap();
        let bytes = bytes.to_bytes(&SaveOptions::default()).unwrap();
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        let matrix = numbers(classes * FEATURES);
        let bias = numbers(classes);
        for (name, values, shape) in [
            ("classifier.weight", &matrix, vec![classes, FEATURES]),
            ("classifier.bias", &bias, vec![classes]),
        ] {
            let tensor = Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
            tensors.insert(name.to_owned(), tensor);
        }
        let metadata = labels.map(|labels| HashMap::from([("labels".into(), labels.into())]));
        Self {
            file: safetensors::serialize(&tensors, metadata).unwrap(),
            matrix,
            bias,
        }
    }

    /// The logits of one row of features, summed in f64.
    fn logits(&self, features: &[f32]) -> Vec<f64> {
        let rows = self.matrix.chunks_exact(FEATURES);
        rows.zip(&self.bias)
            .map(|(row, bias)| {
                let products = row
                    .iter()
                    .zip(features)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b));
                f64::from(*bias) + products.sum::<f64>()
            })
            .collect()
    }
}

/// Values from -0.1 to 0.1 that no two neighbours share.
fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| ((index * 7919 + index / 13) % 2003) as f32 / 10_015.0 - 0.1)
        .collect()
}

fn available() -> impl Iterator<Item = (Isa, Precision)> {
    ALL.into_iter().filter(|(isa, _)| {
        let available = isa.is_available();
        if !available {
            println!("skipped: this processor has no {isa}");
        }
        available
    })
}

#[test]
fn any_number_of_classes_gives_the_softmax_of_the_products() {
    // Fewer than a block, whole blocks, half a panel and a rest.
    for classes in [1, 5, 16, 32, 48, 114, 1001] {
        let head = Head::new(classes, None);
        let weights = Weights::from_bytes(&head.file).unwrap();
        let features: Vec<f32> = numbers(3 * FEATURES).iter().map(|v| v * 20.0).collect();
        for (isa, precision) in available() {
            let network = MobileNetV2::with_isa(&weights, isa, precision).unwrap();
            let classifier = network.classifier().unwrap();
            let (mut logits, mut scores) = (vec![0.0; 3 * classes], vec![0.0; 3 * classes]);
            classifier.logits(&features, &mut logits);
            classifier.scores(&features, &mut scores);
            // The module returns the same.
            let rows = Tensor::from_slice(&features, (3, FEATURES), &Device::Cpu).unwrap();
            let module = classifier.forward(&rows).unwrap();
            assert_eq!(module.dims(), [3, classes]);
            assert!(module.flatten_all().unwrap().to_vec1::<f32>().unwrap() == scores);
            let short = rows.narrow(1, 0, 1000).unwrap();
            assert!(classifier.forward(&short).is_err());
            for (image, features) in features.chunks_exact(FEATURES).enumerate() {
                let expected = head.logits(features);
                let largest = expected.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = expected.iter().map(|logit| (logit - largest).exp()).sum();
                for (class, expected) in expected.iter().enumerate() {
                    let place = image * classes + class;
                    let difference = (f64::from(logits[place]) - expected).abs();
                    assert!(difference < 2e-4, "{isa} {classes} {class}: {difference}");
                    let expected = (expected - largest).exp() / sum;
                    let difference = (f64::from(scores[place]) - expected).abs();
                    assert!(difference < 1e-4, "{isa} {classes} {class}: {difference}");
                }
            }
        }
    }
}

#[test]
fn classes_have_the_names_of_the_file_or_numbers() {
    let named = Head::new(2, Some(r#"["Pêche", "Apple \"Red\" 1"]"#));
    let weights = Weights::from_bytes(&named.file).unwrap();
    let network = std::sync::Arc::new(MobileNetV2::new(&weights).unwrap());
    let extractor = FeatureExtractor::new(network, DecodeLimits::default());
    let labels = extractor.network().classifier().unwrap().labels();
    assert_eq!(labels[..], ["Pêche", "Apple \"Red\" 1"]);

    let weights = Weights::from_bytes(&Head::new(3, None).file).unwrap();
    assert_eq!(weights.labels().unwrap()[..], ["0", "1", "2"]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("named.safetensors");
    let weights = Weights::from_bytes(&named.file).unwrap();
    weights.save(&path).unwrap();
    assert_eq!(Weights::load(&path).unwrap().labels(), weights.labels());
}

#[test]
fn classes_can_be_named_afterwards() {
    let names = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let weights = Weights::from_bytes(&Head::new(3, None).file).unwrap();
    assert_eq!(weights.label_source(), Some(LabelSource::Numbers));
    let named = weights.clone().with_labels(names()).unwrap();
    let bytes = named.to_bytes(&SaveOptions::default()).unwrap();
    let read = Weights::from_bytes(&bytes).unwrap();
    assert_eq!(read.labels().unwrap()[..], names());
    assert_eq!(read.label_source(), Some(LabelSource::Metadata));

    let error = weights.with_labels(names()[..2].to_vec()).unwrap_err();
    assert!(error.to_string().contains("2 classes"), "{error}");
    let headless = Weights::random(0.35, 3).unwrap().with_labels(names());
    assert!(matches!(headless, Err(WeightsError::NoClassifier)));
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let result = Weights::from_bytes(&Head::new(3, Some(r#"["a", "b"]"#)).file);
    let error = result.unwrap_err();
    assert!(matches!(error, WeightsError::Labels { .. }));
    assert_eq!(
        error.to_string(),
        "metadata `labels` names 2 classes, the classifier has 3"
    );
    for labels in ["a, b, c", "[1, 2, 3]", r#"{"0": "a"}"#] {
        let result = Weights::from_bytes(&Head::new(3, Some(labels)).file);
        let message = result.unwrap_err().to_string();
        assert!(message.contains("JSON list of strings"), "{message}");
    }
    let result = Weights::from_bytes(&Head::new(0, None).file);
    assert!(matches!(result, Err(WeightsError::Shape { .. })));
}

#[test]
fn a_network_without_a_head_has_no_classifier() {
    let weights = Weights::random(0.35, 3).unwrap();
    assert!(MobileNetV2::new(&weights).unwrap().classifier().is_none());
}

#[test]
fn logits_of_a_photograph_are_those_of_keras() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(|| default.into(), PathBuf::from);
    let stages = data.join("golden/single_image_stages.safetensors");
    if !stages.is_file() {
        println!("skipped: {} is absent", stages.display());
        return;
    }
    let golden = candle_core::safetensors::load(stages, &Device::Cpu).unwrap();
    let values = |name: &str| -> Vec<f32> {
        let tensor = golden[name].flatten_all().unwrap();
        tensor.to_vec1().unwrap()
    };
    let expected = values("logits_int8head");
    let weights = data.join("models/mobilenet_v2_1.0_224_classifier.safetensors");
    let weights = Weights::load(weights).unwrap();
    let image = golden["resized_rgb_u8_hwc"].unsqueeze(0).unwrap();
    for (isa, precision) in available() {
        if precision == Precision::Bf16 {
            continue;
        }
        let network = MobileNetV2::with_isa(&weights, isa, precision).unwrap();
        let features = network.forward(&image).unwrap();
        let features: Vec<f32> = features.flatten_all().unwrap().to_vec1().unwrap();
        let mut logits = vec![0.0; expected.len()];
        network.classifier().unwrap().logits(&features, &mut logits);
        let differences = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let difference = differences.fold(0.0, f32::max);
        println!("{isa}: {difference:e}");
        assert!(difference <= 1e-4, "{isa} differs by {difference}");
    }
}
