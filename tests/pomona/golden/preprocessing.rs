//! Decoded and resized bytes of real photographs, against the digests of Pillow's.

use std::fs::{self, File};

use arrow::array::{Array, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor, RgbImage, decode_rgb};
use pomona_tests::reference_data::reference_data;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

#[test]
fn photographs_are_decoded_and_resized_to_pillows_bytes() {
    let Some(data) = reference_data() else {
        return;
    };
    let file = File::open(data.join("golden/keras_features.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let mut preprocessor = Preprocessor::new(224, DecodeLimits::default());
    let mut decoded = RgbImage::default();
    let mut resized = vec![0; preprocessor.output_len()];
    let mut images = 0;
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name: &str| -> StringArray {
            let column = batch.column_by_name(name).expect(name);
            column
                .as_any()
                .downcast_ref::<StringArray>()
                .unwrap()
                .clone()
        };
        let (paths, files) = (column("path"), column("sha256"));
        let (decoded_digests, resized_digests) =
            (column("decoded_rgb_sha256"), column("resized_rgb_sha256"));
        for row in 0..batch.num_rows() {
            let path = paths.value(row);
            let bytes = fs::read(data.join("fruits360").join(path)).unwrap();
            assert_eq!(digest(&bytes), files.value(row), "{path}: another file");

            decode_rgb(&bytes, &DecodeLimits::default(), &mut decoded).unwrap();
            assert_eq!(
                digest(&decoded.pixels),
                decoded_digests.value(row),
                "{path}: decoded"
            );

            preprocessor.run(&bytes, &mut resized).unwrap();
            assert_eq!(
                digest(&resized),
                resized_digests.value(row),
                "{path}: resized"
            );
            images += 1;
        }
    }
    assert_eq!(images, 114, "one image a class");
}

#[test]
fn the_stages_of_one_photograph_are_pillows() {
    let Some(data) = reference_data() else {
        return;
    };
    let stages = fs::read(data.join("golden/single_image_stages.safetensors")).unwrap();
    let stages = SafeTensors::deserialize(&stages).unwrap();
    let bytes = fs::read(data.join("fruits360/Training/Apple Braeburn/0_100.jpg")).unwrap();

    let mut decoded = RgbImage::default();
    decode_rgb(&bytes, &DecodeLimits::default(), &mut decoded).unwrap();
    assert_eq!((decoded.width, decoded.height), (100, 100));
    assert!(decoded.pixels == stages.tensor("decoded_rgb_u8_hwc").unwrap().data());

    let mut preprocessor = Preprocessor::new(224, DecodeLimits::default());
    let mut resized = vec![0; preprocessor.output_len()];
    preprocessor.run(&bytes, &mut resized).unwrap();
    assert!(resized == stages.tensor("resized_rgb_u8_hwc").unwrap().data());
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
