//! Features of one photograph a class, from the file's bytes on, against those of Keras.

use std::fs::{self, File};
use std::path::Path;

use arrow::array::{Array, AsArray, FixedSizeListArray, Float32Array, ListArray, RecordBatch};
use arrow::datatypes::Float32Type;
use candle_core::{Device, Module, Tensor};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Weights};
use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor};
use pomona_tests::reference_data::reference_data;

/// The contract: Keras differs by 6.5e-5 from itself across versions.
const TOLERANCE: f32 = 1e-4;

#[test]
fn features_of_the_standard_width_are_those_of_keras() {
    check("models/mobilenet_v2_1.0_224.safetensors", "features_1_0");
}

#[test]
fn features_of_width_0_35_with_its_own_batch_norms_are_those_of_keras() {
    check("models/mobilenet_v2_0.35_224.safetensors", "features_0_35");
}

fn check(model: &str, column: &str) {
    let Some(data) = reference_data() else {
        return;
    };
    let weights = Weights::load(data.join(model)).unwrap();
    let (images, golden) = images(&data, column);
    assert_eq!(golden.len(), 114, "one image a class");
    for isa in Isa::ALL {
        let Some(features) = features(&weights, isa, Precision::F32, &images) else {
            continue;
        };
        assert_eq!(features.len(), golden.concat().len());
        let pairs = features.iter().zip(golden.iter().flatten());
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{column} {isa}: {difference:e}");
        assert!(difference <= TOLERANCE, "{column} {isa}: {difference}");
    }
}

/// bf16 is an option, so it is held to the direction of the feature vectors alone.
#[test]
fn bf16_features_point_where_those_of_keras_do() {
    let Some(data) = reference_data() else {
        return;
    };
    for (model, column) in [
        ("models/mobilenet_v2_1.0_224.safetensors", "features_1_0"),
        ("models/mobilenet_v2_0.35_224.safetensors", "features_0_35"),
    ] {
        let weights = Weights::load(data.join(model)).unwrap();
        let (images, golden) = images(&data, column);
        for isa in Isa::ALL {
            let Some(features) = features(&weights, isa, Precision::Bf16, &images) else {
                continue;
            };
            let lowest = features
                .chunks_exact(features.len() / golden.len())
                .zip(&golden)
                .map(|(features, golden)| cosine(features, golden))
                .fold(1.0, f64::min);
            println!("{column} {isa}: lowest cosine {lowest}");
            assert!(lowest > 0.999, "{column} {isa}: {lowest}");
            assert!(lowest < 1.0 - 1e-7, "{column} {isa}: this is not bf16");
        }
    }
}

/// The features of resized images, unless the processor has no such instructions, which is said.
fn features(weights: &Weights, isa: Isa, precision: Precision, images: &[u8]) -> Option<Vec<f32>> {
    if !isa.is_available() {
        println!("skipped: this processor has no {isa}");
        return None;
    }
    let network = MobileNetV2::with_isa(weights, isa, precision).unwrap();
    let size = network.input_size();
    let shape = (images.len() / (size * size * 3), size, size, 3);
    let images = Tensor::from_slice(images, shape, &Device::Cpu).unwrap();
    let features = network.forward(&images).unwrap();
    Some(features.flatten_all().unwrap().to_vec1().unwrap())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The resized images one after the other, and the features that Keras has for each.
fn images(data: &Path, column: &str) -> (Vec<u8>, Vec<Vec<f32>>) {
    let file = File::open(data.join("golden/keras_features.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut preprocessor = Preprocessor::new(224, DecodeLimits::default());
    let (mut images, mut golden) = (Vec::new(), Vec::new());
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let paths = batch.column_by_name("path").unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            let bytes = fs::read(data.join("fruits360").join(paths.value(row))).unwrap();
            let start = images.len();
            images.resize(start + preprocessor.output_len(), 0);
            preprocessor.run(&bytes, &mut images[start..]).unwrap();
            golden.push(golden_features(&batch, column, row));
        }
    }
    (images, golden)
}

fn golden_features(batch: &RecordBatch, column: &str, row: usize) -> Vec<f32> {
    let column = batch.column_by_name(column).unwrap().as_any();
    let list = if let Some(list) = column.downcast_ref::<ListArray>() {
        list.value(row)
    } else {
        let list = column.downcast_ref::<FixedSizeListArray>().unwrap();
        list.value(row)
    };
    let values: &Float32Array = list.as_primitive::<Float32Type>();
    values.values().to_vec()
}
