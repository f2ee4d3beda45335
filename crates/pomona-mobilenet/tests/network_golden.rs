//! Features of one photograph a class, from the file's bytes on, against those of Keras.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, FixedSizeListArray, Float32Array, ListArray, RecordBatch};
use arrow::datatypes::Float32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Scratch, Weights};
use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor};

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
    let Some(data) = test_data() else { return };
    let weights = Weights::load(data.join(model)).unwrap();
    let (pictures, golden) = pictures(&data, column);
    assert_eq!(golden.len(), 114, "one picture a class");
    for isa in [Isa::Amx, Isa::Avx512, Isa::Avx2, Isa::Portable] {
        if !isa.is_available() {
            println!("skipped: this processor has no {isa}");
            continue;
        }
        let network = MobileNetV2::with_isa(&weights, isa, Precision::F32).unwrap();
        let mut features = vec![0.0; golden.len() * network.feature_len()];
        network.features_into(&mut Scratch::new(&network), &pictures, &mut features);
        let difference = features
            .iter()
            .zip(golden.iter().flatten())
            .map(|(a, b)| (a - b).abs());
        let difference = difference.fold(0.0, f32::max);
        println!("{column} {isa}: {difference:e}");
        assert!(difference <= TOLERANCE, "{column} {isa}: {difference}");
    }
}

/// bf16 is an option, so it is held to the direction of the feature vectors alone.
#[test]
fn bf16_features_point_where_those_of_keras_do() {
    let Some(data) = test_data() else { return };
    for (model, column) in [
        ("models/mobilenet_v2_1.0_224.safetensors", "features_1_0"),
        ("models/mobilenet_v2_0.35_224.safetensors", "features_0_35"),
    ] {
        let weights = Weights::load(data.join(model)).unwrap();
        let network = match MobileNetV2::with_precision(&weights, Precision::Bf16) {
            Ok(network) => network,
            Err(error) => {
                assert!(error.to_string().contains("AMX-BF16"), "{error}");
                println!("skipped: {error}");
                return;
            }
        };
        let (pictures, golden) = pictures(&data, column);
        let mut features = vec![0.0; golden.len() * network.feature_len()];
        network.features_into(&mut Scratch::new(&network), &pictures, &mut features);
        let lowest = features
            .chunks_exact(network.feature_len())
            .zip(&golden)
            .map(|(features, golden)| cosine(features, golden))
            .fold(1.0, f64::min);
        println!("{column}: lowest cosine {lowest}");
        assert!(lowest > 0.999, "{column}: {lowest}");
        assert!(lowest < 1.0 - 1e-7, "{column}: this is not bf16");
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The resized pictures one after the other, and the features that Keras has for each.
fn pictures(data: &Path, column: &str) -> (Vec<u8>, Vec<Vec<f32>>) {
    let file = File::open(data.join("golden/keras_features.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut preprocessor = Preprocessor::new(224, DecodeLimits::default());
    let (mut pictures, mut golden) = (Vec::new(), Vec::new());
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let paths = batch.column_by_name("path").unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            let bytes = fs::read(data.join("fruits360").join(paths.value(row))).unwrap();
            let start = pictures.len();
            pictures.resize(start + preprocessor.output_len(), 0);
            preprocessor.run(&bytes, &mut pictures[start..]).unwrap();
            golden.push(features(&batch, column, row));
        }
    }
    (pictures, golden)
}

fn features(batch: &RecordBatch, column: &str, row: usize) -> Vec<f32> {
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

fn test_data() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let path = std::env::var_os("POMONA_TEST_DATA").map_or_else(|| default.into(), PathBuf::from);
    if path.join("golden/keras_features.parquet").is_file() {
        return Some(path);
    }
    println!(
        "skipped: no golden/keras_features.parquet in {}",
        path.display()
    );
    None
}
