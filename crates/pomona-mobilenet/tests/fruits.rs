//! The weights that are shipped: a drawn image as Keras sees it, and photographs by their names.

mod network_run;

use std::path::PathBuf;
use std::sync::Arc;

use network_run::largest_difference;
use pomona_mobilenet::FeatureExtractor;
use pomona_mobilenet::network::{Architecture, Isa, MobileNetV2, Precision, Weights};
use pomona_mobilenet::preprocess::DecodeLimits;

const SIDE: usize = 128;

/// What `weights/train_fruits.py reference` has written.
struct Reference {
    label: String,
    features: Vec<f32>,
    scores: Vec<f32>,
}

fn reference() -> Reference {
    let content = include_str!("data/fruits_keras.json");
    let content: serde_json::Value = serde_json::from_str(content).unwrap();
    let values = |name: &str| -> Vec<f32> {
        let values = content[name].as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap() as f32).collect()
    };
    Reference {
        label: content["label"].as_str().unwrap().to_owned(),
        features: values("features"),
        scores: values("scores"),
    }
}

/// A shaded disc with stripes on white, as `drawn_image` of `weights/fruits_keras.py` draws it.
fn drawn_image() -> Vec<u8> {
    let mut image = Vec::with_capacity(SIDE * SIDE * 3);
    for row in 0..SIDE as i32 {
        for column in 0..SIDE as i32 {
            let distance = (column - 60).pow(2) + (row - 66).pow(2);
            let shade = 255 - distance / 16;
            let stripe = (column * 3 + row * 5) % 64;
            image.extend(if distance < 50 * 50 {
                [shade, shade / 3 + stripe, shade / 4].map(|value| value as u8)
            } else {
                [255; 3]
            });
        }
    }
    image
}

fn first(scores: &[f32]) -> usize {
    let scores = scores.iter().enumerate();
    let best = scores.max_by(|a, b| a.1.total_cmp(b.1));
    best.unwrap().0
}

#[test]
fn the_file_says_what_it_is() {
    let weights = Weights::fruits().unwrap();
    assert_eq!(weights.architecture(), &Architecture::keras(1.0, SIDE));
    let labels = weights.labels().unwrap();
    assert_eq!(labels.len(), 114);
    assert!(labels.is_sorted());
    assert_eq!(labels[0], "Apple Braeburn");
    assert_eq!(labels[113], "Tomato 2");

    let bytes = include_bytes!("../weights/fruits.safetensors");
    assert!(bytes.len() < 5_000_000, "{} bytes", bytes.len());
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let accuracy: f64 = metadata["accuracy"].parse().unwrap();
    assert!(accuracy >= 0.99, "{accuracy}");
    for key in ["license", "seed", "dataset", "training_script"] {
        assert!(metadata.contains_key(key), "{key}");
    }
    let card = include_str!("../../../docs/src/fruits.md");
    assert!(
        card.contains(weights.sha256()),
        "docs/src/fruits.md names another file than that of sha256 {}",
        weights.sha256()
    );
}

#[test]
fn features_and_scores_of_a_drawn_image_are_those_of_keras() {
    let weights = Weights::fruits().unwrap();
    let (image, reference) = (drawn_image(), reference());
    for isa in Isa::ALL {
        let Some(network) = network_run::network(&weights, isa, Precision::F32) else {
            continue;
        };
        let features = network_run::features(&network, &image);
        let difference = largest_difference(&features, &reference.features);
        println!("{isa}: features {difference:e}");
        assert!(difference <= 1e-4, "{isa} differs by {difference}");

        let classifier = network.classifier().unwrap();
        let mut scores = vec![0.0; classifier.labels().len()];
        classifier.scores(&features, &mut scores);
        let difference = largest_difference(&scores, &reference.scores);
        println!("{isa}: scores {difference:e}");
        assert!(difference <= 1e-4, "{isa} differs by {difference}");
        assert_eq!(classifier.labels()[first(&scores)], reference.label);
    }
}

/// One photograph in ten of the reference data, which the network has seen in training: what this
/// checks is the way from a file to the name of its class, not how well the network generalises.
#[test]
fn photographs_are_named_in_every_precision() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(|| default.into(), PathBuf::from);
    let folder = data.join("fruits360/Training");
    if !folder.is_dir() {
        println!("skipped: {} is absent", folder.display());
        return;
    }
    let weights = Weights::fruits().unwrap();
    for precision in [Precision::F32, Precision::Bf16] {
        let network = Arc::new(MobileNetV2::with_precision(&weights, precision).unwrap());
        let mut extractor = FeatureExtractor::new(Arc::clone(&network), DecodeLimits::default());
        let labels = Arc::clone(network.classifier().unwrap().labels());
        let (mut images, mut right) = (0, 0);
        for (class, label) in labels.iter().enumerate() {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(label)).unwrap().collect();
            files.sort_by_key(|file| file.as_ref().unwrap().path());
            for file in files.into_iter().step_by(10) {
                let file = std::fs::read(file.unwrap().path()).unwrap();
                let mut features = vec![0.0; network.feature_len()];
                let panics = |_, error| panic!("{error}");
                let extracted = extractor.extract(&[Some(&file)], &mut features, panics);
                extracted.unwrap();
                let mut scores = vec![0.0; labels.len()];
                let classifier = network.classifier().unwrap();
                classifier.scores(&features, &mut scores);
                images += 1;
                right += usize::from(first(&scores) == class);
            }
        }
        println!("{precision:?}: {right} of {images}");
        assert!(images >= 114 && right * 100 >= images * 99);
    }
}
