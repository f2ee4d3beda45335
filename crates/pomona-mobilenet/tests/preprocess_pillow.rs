//! Every format, mode and shape that `pillow_reference.py` draws, against Pillow's own bytes.

use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor, RgbImage, decode_rgb, image_info};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

#[test]
fn formats_and_modes_come_out_as_pillow_has_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pillow");
    let reference = fs::read_to_string(folder.join("reference.tsv")).unwrap();
    let mut preprocessor = Preprocessor::new(224, DecodeLimits::default());
    let mut decoded = RgbImage::default();
    let mut resized = vec![0; preprocessor.output_len()];
    let mut wrong = Vec::new();
    for line in reference.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, format, mode, width, height, rgb, small] = fields[..] else {
            panic!("seven fields: {line}");
        };
        let bytes = fs::read(folder.join(name)).unwrap();
        let mut expect = |what: &str, got: String, wanted: &str| {
            if got != wanted {
                wrong.push(format!("{name}: {what} is {got}, not {wanted}"));
            }
        };
        match image_info(&bytes) {
            Ok(info) => {
                expect("format", info.format.to_string(), format);
                expect("color", info.color.to_string(), mode);
                expect("width", info.width.to_string(), width);
                expect("height", info.height.to_string(), height);
            }
            Err(error) => expect("image_info", error.to_string(), "an answer"),
        }
        match decode_rgb(&bytes, &DecodeLimits::default(), &mut decoded) {
            Ok(()) => {
                expect("decoded width", decoded.width.to_string(), width);
                expect("decoded", digest(&decoded.pixels), rgb);
                preprocessor.run(&bytes, &mut resized).unwrap();
                expect("resized", digest(&resized), small);
            }
            Err(error) => expect("decode_rgb", error.to_string(), "pixels"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
