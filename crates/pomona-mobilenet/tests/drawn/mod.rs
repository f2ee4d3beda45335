//! Images drawn by code and encoded, for tests that damage or measure them.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod lossy_webp;
pub(crate) mod scene;

use image::{DynamicImage, ImageFormat as Encoded};
use mozjpeg::{ColorSpace, Compress};
use std::io::Cursor;

/// A whole file of every kind, 61 x 47.
pub(crate) fn wholes() -> Vec<Vec<u8>> {
    let mut files = vec![jpeg(61, 47, false), jpeg(61, 47, true)];
    let formats = [
        Encoded::Png,
        Encoded::Gif,
        Encoded::WebP,
        Encoded::Bmp,
        Encoded::Tiff,
    ];
    files.extend(formats.map(encode));
    files.push(grey_png());
    files.extend([false, true].map(|alpha| webp(61, 47, alpha)));
    files
}

/// The drawing as lossy WebP.
fn webp(width: u32, height: u32, alpha: bool) -> Vec<u8> {
    let kind = lossy_webp::Kind {
        alpha,
        ..lossy_webp::Kind::default()
    };
    let mut pixels = DynamicImage::ImageRgb8(drawing(width, height)).to_rgba8();
    for (x, y, pixel) in pixels.enumerate_pixels_mut() {
        pixel.0[3] = (x * 3 + y) as u8;
    }
    kind.encode(pixels.as_raw(), width as usize)
}

fn drawing(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 5) as u8, (y * 7) as u8, (x * y) as u8])
    })
}

/// The drawing, 61 x 47, in a format.
pub(crate) fn encode(format: Encoded) -> Vec<u8> {
    written(DynamicImage::ImageRgb8(drawing(61, 47)), format)
}

fn grey_png() -> Vec<u8> {
    written(
        DynamicImage::ImageRgb8(drawing(61, 47))
            .to_luma_alpha16()
            .into(),
        Encoded::Png,
    )
}

fn written(image: DynamicImage, format: Encoded) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// The drawing as JPEG.
pub(crate) fn jpeg(width: u32, height: u32, progressive: bool) -> Vec<u8> {
    let mut encoder = Compress::new(ColorSpace::JCS_RGB);
    encoder.set_size(width as usize, height as usize);
    encoder.set_fastest_defaults();
    if progressive {
        encoder.set_progressive_mode();
    }
    let mut started = encoder.start_compress(Vec::new()).unwrap();
    started
        .write_scanlines(drawing(width, height).as_raw())
        .unwrap();
    started.finish().unwrap()
}

/// Images of some megapixels, of every format and of the costly varieties.
pub(crate) fn large() -> Vec<(String, Vec<u8>)> {
    let image = DynamicImage::ImageRgb8(drawing(1500, 1100));
    let alpha = DynamicImage::ImageRgba8(image.to_rgba8());
    let mut files = vec![
        ("baseline".to_owned(), jpeg(2500, 1900, false)),
        ("progressive".to_owned(), jpeg(2500, 1900, true)),
        ("lossy WebP".to_owned(), webp(2500, 1900, false)),
        ("lossy WebP with alpha".to_owned(), webp(2500, 1900, true)),
    ];
    for format in [
        Encoded::Png,
        Encoded::Gif,
        Encoded::WebP,
        Encoded::Bmp,
        Encoded::Tiff,
    ] {
        files.push((format!("large {format:?}"), written(image.clone(), format)));
    }
    for format in [Encoded::Png, Encoded::WebP, Encoded::Tiff] {
        files.push((
            format!("large {format:?} with alpha"),
            written(alpha.clone(), format),
        ));
    }
    files
}
