//! Images made small, as JPEG files.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mozjpeg::{ColorSpace, Compress};
use pomona_mobilenet::preprocess::{DecodeLimits, Resizer, RgbImage, decode_rgb};
use pomona_report::Thumbnail;

use super::images::Size;

/// What a thumbnail's source may claim to be: a larger one takes seconds to decode.
const LIMITS: DecodeLimits = DecodeLimits {
    max_pixels: 50_000_000,
    ..DecodeLimits::DEFAULT
};

/// The quality of [`thumbnail`].
const QUALITY: f32 = 80.0;

/// An image file made small, in each of some sizes; none where it cannot be decoded.
pub(super) fn make_small(file: &[u8], sizes: &[Size]) -> Vec<Option<Thumbnail>> {
    let mut image = RgbImage::default();
    if decode_rgb(file, &LIMITS, &mut image).is_err() {
        return vec![None; sizes.len()];
    }
    let small = |size: &Size| resized(&image, size.side(), size.quality());
    sizes.iter().map(small).collect()
}

/// An image file made so small that its longer side has at most `side` pixels; `None` where it cannot be
/// decoded. One that is as small already is written again as JPEG.
pub fn thumbnail(file: &[u8], side: u32) -> Option<Thumbnail> {
    let mut image = RgbImage::default();
    decode_rgb(file, &LIMITS, &mut image).ok()?;
    resized(&image, side.max(1), QUALITY)
}

fn resized(image: &RgbImage, side: u32, quality: f32) -> Option<Thumbnail> {
    let (width, height) = fitted(image.width, image.height, side);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    Resizer::new(width as usize, height as usize).resize(image, &mut pixels);
    // Without mozjpeg's trials, which take longer than all else of a thumbnail and save a twentieth of
    // the bytes.
    let jpeg = compressed(&pixels, (width, height), quality, |file| {
        file.set_fastest_defaults();
        file.set_optimize_coding(true);
    })?;
    Some(Thumbnail {
        jpeg,
        width,
        height,
    })
}

/// The size of an image whose longer side is at most `side`, of at least a pixel either way.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let fit = |length: u32| {
        let length = f64::from(length) * f64::from(side) / f64::from(longer);
        (length.round() as u32).max(1)
    };
    (fit(width), fit(height))
}

/// A JPEG file of 8-bit RGB, `width * height * 3` bytes.
pub fn encode(pixels: &[u8], width: u32, height: u32, quality: f32) -> Option<Vec<u8>> {
    // Scripts of scans are tried out for files of many pixels; here they only cost time.
    let set = |file: &mut Compress| file.set_optimize_scans(false);
    compressed(pixels, (width, height), quality, set)
}

fn compressed(
    pixels: &[u8],
    (width, height): (u32, u32),
    quality: f32,
    set: impl FnOnce(&mut Compress),
) -> Option<Vec<u8>> {
    let run = || -> io::Result<Vec<u8>> {
        let mut file = Compress::new(ColorSpace::JCS_RGB);
        file.set_size(width as usize, height as usize);
        set(&mut file);
        file.set_quality(quality);
        let mut file = file.start_compress(Vec::new())?;
        file.write_scanlines(pixels)?;
        file.finish()
    };
    // The library reports errors by unwinding.
    catch_unwind(AssertUnwindSafe(run)).ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_fits() {
        assert_eq!(fitted(100, 100, 72), (72, 72));
        assert_eq!(fitted(4000, 3000, 72), (72, 54));
        assert_eq!(fitted(10, 20, 72), (10, 20));
        assert_eq!(fitted(1, 10_000, 72), (1, 72));
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let pixels: Vec<u8> = (0..64 * 48)
            .flat_map(|i| [(i % 64 * 4) as u8, 128, 30])
            .collect();
        let file = encode(&pixels, 64, 48, 90.0).unwrap();
        let [small] = &make_small(&file, &[Size::Small])[..] else {
            panic!("one size")
        };
        let small = small.as_ref().unwrap();
        assert_eq!((small.width, small.height), (64, 48));
        let mut back = RgbImage::default();
        decode_rgb(&small.jpeg, &LIMITS, &mut back).unwrap();
        let difference = back
            .pixels
            .iter()
            .zip(&pixels)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(difference < Some(40), "{difference:?}");
        assert_eq!(
            make_small(b"no image", &[Size::Small, Size::Large]),
            [None, None]
        );
    }
}
