//! Images that an earlier version decoded otherwise than Pillow, or not at all.

use pomona_mobilenet::preprocess::{DecodeLimits, RgbImage, decode_rgb, image_info};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;

/// File, width, height, and the start of the sha256 of what Pillow 13 makes of it.
const CASES: &[(&str, u32, u32, &str)] = &[
    (
        "png_damaged/png_no_adler_no_iend.png",
        160,
        120,
        "9dc202a4cf19bc7a",
    ),
    ("png_damaged/png_no_iend.png", 160, 120, "9dc202a4cf19bc7a"),
    (
        "tiff_bits/tif_lsb_fillorder.png",
        160,
        120,
        "44e76ed3ebe8f8a8",
    ),
    (
        "tiff_bits/tif_lsb_fillorder.tif",
        160,
        120,
        "44e76ed3ebe8f8a8",
    ),
    (
        "tiff_orientation/pillow_6.png",
        120,
        160,
        "8e60b20aa464c527",
    ),
    (
        "tiff_orientation/tif_orientation6.tif",
        120,
        160,
        "8e60b20aa464c527",
    ),
    ("unsupported/tif_f.tif", 160, 120, "c562dd7f25e42edd"),
    ("unsupported/tif_jpeg.tif", 160, 120, "3381b613100c5d44"),
    ("unsupported/tif_ycbcr.tif", 160, 120, "3d58b6e77db915f5"),
    ("unsupported/tif_zstd.tif", 160, 120, "9dc202a4cf19bc7a"),
];

#[test]
fn they_are_pillows() {
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = data.join("cases");
    if !folder.join("tiff_bits").exists() {
        eprintln!("skipped: no cases in {}", folder.display());
        return;
    }
    let mut image = RgbImage::default();
    for (name, width, height, expected) in CASES {
        let bytes = fs::read(folder.join(name)).unwrap();
        let info = image_info(&bytes).unwrap();
        assert_eq!((info.width, info.height), (*width, *height), "{name}");
        decode_rgb(&bytes, &DecodeLimits::default(), &mut image).unwrap();
        assert_eq!((image.width, image.height), (*width, *height), "{name}");
        let digest = Sha256::digest(&image.pixels);
        let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, *expected, "{name}");
    }
}
