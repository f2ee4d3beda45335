//! Compares files that a script made with what Pillow made of them.

use flate2::read::ZlibDecoder;
use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{
    DecodeOptions, Decoding, ExifOrientation, RgbImage, TruncatedData, decode_cost,
    decode_rgb_with, image_info_with,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

/// Ways in which a cell may differ from Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Pillow reads it; here it is refused as a variety that is not supported.
    Unsupported,
    /// Pillow reads it; here it is an error of another kind.
    Refused,
    /// Pillow fails; here it is read.
    Read,
    /// Both read it, with other pixels.
    Pixels,
}

impl Difference {
    fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
            Self::Read => "read",
            Self::Pixels => "pixels",
        }
    }
}

/// Compares the files of `name.tsv` and `name.zlib` with Pillow. What differs must be what
/// `name_differences.tsv` lists.
pub(crate) fn check(name: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let lines = fs::read_to_string(data.join(format!("{name}.tsv"))).unwrap();
    let mut files = Vec::new();
    ZlibDecoder::new(&fs::read(data.join(format!("{name}.zlib"))).unwrap()[..])
        .read_to_end(&mut files)
        .unwrap();
    let differences = data.join(format!("{name}_differences.tsv"));
    let listed = fs::read_to_string(&differences).unwrap();
    let listed: BTreeSet<&str> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();

    let mut found = BTreeMap::new();
    let mut image = RgbImage::default();
    let (mut at, mut cells, mut equal) = (0, 0, 0);
    for line in lines.lines() {
        let [name, length, plain, padded, turned] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five fields: {line}");
        };
        let length: usize = length.parse().unwrap();
        let bytes = &files[at..at + length];
        at += length;
        for (setting, expected) in [("plain", plain), ("pad", padded), ("exif", turned)] {
            let expected = if expected == "=" { plain } else { expected };
            cells += 1;
            match compare(bytes, options(setting), expected, &mut image) {
                None => equal += 1,
                Some((difference, why)) => {
                    let cell = format!("{name}\t{setting}\t{}", difference.name());
                    found.insert(cell, format!("{why}, Pillow: {expected}"));
                }
            }
        }
    }
    assert_eq!(at, files.len());
    println!("{cells} cells, {equal} equal, {} listed", listed.len());
    if std::env::var_os("POMONA_MATRIX_COMPLETE").is_some() {
        let text: String = found.keys().map(|cell| format!("{cell}\n")).collect();
        fs::write(differences, text).unwrap();
    }
    let new: Vec<String> = found
        .iter()
        .filter(|(cell, _)| !listed.contains(cell.as_str()))
        .map(|(cell, why)| format!("{cell}\t{why}"))
        .collect();
    let gone: Vec<&&str> = listed
        .iter()
        .filter(|cell| !found.contains_key(**cell))
        .collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{} differ and are not listed:\n{}\n{} are listed and equal:\n{gone:?}",
        new.len(),
        new.join("\n"),
        gone.len()
    );
}

fn options(setting: &str) -> DecodeOptions {
    DecodeOptions {
        exif_orientation: match setting {
            "exif" => ExifOrientation::Apply,
            _ => ExifOrientation::Ignore,
        },
        truncated: match setting {
            "pad" => TruncatedData::Pad,
            _ => TruncatedData::Error,
        },
    }
}

/// How a cell differs, and what came out.
fn compare(
    bytes: &[u8],
    options: DecodeOptions,
    expected: &str,
    image: &mut RgbImage,
) -> Option<(Difference, String)> {
    let decoding = Decoding {
        options,
        ..Decoding::default()
    };
    match decode_rgb_with(bytes, &decoding, image) {
        Ok(()) => {
            let info = image_info_with(bytes, &options).unwrap();
            // What is said before decoding holds afterwards.
            assert_eq!((info.width, info.height), (image.width, image.height));
            let pixels = u64::from(image.width) * u64::from(image.height);
            assert_eq!(decode_cost(bytes, &options).unwrap().pixels, pixels);
            let digest = Sha256::digest(&image.pixels);
            let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
            let got = format!("{} {} {} {digest}", info.color, image.width, image.height);
            if got == expected {
                return None;
            }
            let difference = match expected {
                "-" => Difference::Read,
                _ => Difference::Pixels,
            };
            Some((difference, got))
        }
        Err(_) if expected == "-" => None,
        Err(error @ ImageError::UnsupportedFeature { .. }) => {
            Some((Difference::Unsupported, error.to_string()))
        }
        Err(error) => Some((Difference::Refused, error.to_string())),
    }
}
