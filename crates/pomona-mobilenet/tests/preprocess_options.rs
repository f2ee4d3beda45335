//! Orientation and padding, and that they are off unless asked for.

mod drawn;

use drawn::{encode, jpeg};
use image::ImageFormat as Encoded;
use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{
    DecodeOptions, Decoding, ExifOrientation, ImageFormat, Preprocessor, RgbImage, TruncatedData,
    decode_rgb, decode_rgb_with, image_info, image_info_with,
};

/// Where the pixel that lies at (x, y) of the upright image lies in the stored one.
fn stored(orientation: u8, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
    let (right, bottom) = (width - 1, height - 1);
    match orientation {
        2 => (right - x, y),
        3 => (right - x, bottom - y),
        4 => (x, bottom - y),
        5 => (y, x),
        6 => (y, bottom - x),
        7 => (right - y, bottom - x),
        8 => (right - y, x),
        _ => (x, y),
    }
}

#[test]
fn the_orientation_of_a_jpeg_is_applied_only_where_it_is_asked_for() {
    let plain = jpeg(61, 47, false);
    let mut as_stored = RgbImage::default();
    decode_rgb(&plain, &Default::default(), &mut as_stored).unwrap();
    let options = DecodeOptions {
        exif_orientation: ExifOrientation::Apply,
        ..DecodeOptions::default()
    };
    for orientation in 0..=9 {
        let file = with_orientation(&plain, orientation);
        let mut image = RgbImage::default();
        decode_rgb(&file, &Default::default(), &mut image).unwrap();
        assert_eq!(image, as_stored);
        assert_eq!(image_info(&file).unwrap().width, 61);

        decode_rgb_with(&file, &decoding(options), &mut image).unwrap();
        let info = image_info_with(&file, &options).unwrap();
        assert_eq!((info.width, info.height), (image.width, image.height));
        let turned = (5..=8).contains(&orientation);
        assert_eq!(image.width, if turned { 47 } else { 61 });
        for y in 0..image.height {
            for x in 0..image.width {
                let (from_x, from_y) = stored(orientation, x, y, 61, 47);
                let at = |image: &RgbImage, x, y| {
                    let start = ((y * image.width + x) * 3) as usize;
                    image.pixels[start..start + 3].to_vec()
                };
                assert_eq!(at(&image, x, y), at(&as_stored, from_x, from_y));
            }
        }
    }
}

#[test]
fn what_is_missing_is_filled_only_where_it_is_asked_for() {
    let options = DecodeOptions {
        truncated: TruncatedData::Pad,
        ..DecodeOptions::default()
    };
    for (format, whole) in [
        (ImageFormat::Jpeg, jpeg(61, 47, false)),
        (ImageFormat::Png, encode(Encoded::Png)),
        (ImageFormat::Gif, encode(Encoded::Gif)),
        (ImageFormat::Bmp, encode(Encoded::Bmp)),
    ] {
        let mut expected = RgbImage::default();
        decode_rgb(&whole, &Default::default(), &mut expected).unwrap();
        let cut = &whole[..whole.len() * 3 / 4];
        let mut image = RgbImage::default();
        let outcome = decode_rgb(cut, &Default::default(), &mut image);
        assert_eq!(outcome, Err(ImageError::Truncated { format }));
        decode_rgb_with(cut, &decoding(options), &mut image).unwrap();
        assert_eq!((image.width, image.height), (61, 47), "{format}");
        // A buffer that held another image shows nothing of it.
        let mut reused = RgbImage {
            width: 61,
            height: 47,
            pixels: vec![99; 61 * 47 * 3],
        };
        decode_rgb_with(cut, &decoding(options), &mut reused).unwrap();
        assert!(reused == image, "{format}");
        assert!(image != expected, "{format}");
        // The whole image is what it is.
        decode_rgb_with(&whole, &decoding(options), &mut image).unwrap();
        assert!(image == expected, "{format}");
    }
}

#[test]
fn a_preprocessor_takes_the_options() {
    let file = with_orientation(&jpeg(61, 47, false), 6);
    let run = |options| {
        let mut preprocessor = Preprocessor::with(32, decoding(options));
        let mut out = vec![0; preprocessor.output_len()];
        preprocessor.run(&file, &mut out).unwrap();
        out
    };
    let upright = run(DecodeOptions {
        exif_orientation: ExifOrientation::Apply,
        ..DecodeOptions::default()
    });
    assert!(upright != run(DecodeOptions::default()));
}

fn decoding(options: DecodeOptions) -> Decoding {
    Decoding {
        options,
        ..Decoding::default()
    }
}

/// The JPEG with an EXIF segment behind its start.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut file = jpeg[..2].to_vec();
    file.extend(b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    file.extend([orientation, 0, 0, 0, 0, 0, 0]);
    file.extend(&jpeg[2..]);
    file
}
