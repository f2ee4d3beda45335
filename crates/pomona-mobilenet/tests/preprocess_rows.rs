//! Images drawn at random: what is resized row by row is what is resized as a whole, and a JPEG's rows are those that libjpeg
//! makes by itself.

#[path = "drawn/scene.rs"]
mod scene;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use mozjpeg::{ColorSpace, Compress, Decompress};
use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor, Resizer, RgbImage, decode_rgb};
use proptest::prelude::*;

/// Shades, edges and noise: three bytes a pixel.
fn drawn(width: usize, height: usize, seed: u32) -> Vec<u8> {
    let pixels = scene::rgba(width, height, seed);
    let colors = pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]);
    colors.copied().collect()
}

/// Pixels of chroma, and whether it is progressive.
type Kind = ((u8, u8), bool);

fn jpeg(width: usize, height: usize, seed: u32, (chroma, progressive): Kind) -> Vec<u8> {
    let mut encoder = Compress::new(ColorSpace::JCS_RGB);
    encoder.set_size(width, height);
    encoder.set_fastest_defaults();
    encoder.set_quality(40.0 + (seed % 60) as f32);
    encoder.set_chroma_sampling_pixel_sizes(chroma, chroma);
    if progressive {
        encoder.set_progressive_mode();
    }
    let mut started = encoder.start_compress(Vec::new()).unwrap();
    started
        .write_scanlines(&drawn(width, height, seed))
        .unwrap();
    started.finish().unwrap()
}

fn png(width: usize, height: usize, seed: u32, filter: FilterType) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, filter)
        .write_image(
            &drawn(width, height, seed),
            width as u32,
            height as u32,
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    file
}

/// What libjpeg makes of it, with its own inverse DCT, upsampling and conversion.
fn by_libjpeg(file: &[u8]) -> Vec<u8> {
    let mut started = Decompress::new_mem(file).unwrap().rgb().unwrap();
    let pixels = started.read_scanlines().unwrap();
    started.finish().unwrap();
    pixels
}

/// Resizes as the rows come, and as a whole.
fn both(file: &[u8], side: usize) -> (Vec<u8>, Vec<u8>, RgbImage) {
    let mut image = RgbImage::default();
    decode_rgb(file, &DecodeLimits::default(), &mut image).unwrap();
    let (mut rows, mut whole) = (vec![1; side * side * 3], vec![2; side * side * 3]);
    let mut preprocessor = Preprocessor::new(side, DecodeLimits::default());
    preprocessor.run(file, &mut rows).unwrap();
    Resizer::new(side, side).resize(&image, &mut whole);
    (rows, whole, image)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_rows_of_a_jpeg_are_those_of_libjpeg(
        (width, height) in (1_usize..400, 1_usize..300),
        side in prop_oneof![Just(224_usize), 1_usize..100],
        chroma in prop_oneof![Just((1, 1)), Just((2, 1)), Just((2, 2)), Just((1, 2)), Just((4, 1))],
        progressive in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let file = jpeg(width, height, seed, (chroma, progressive));
        let (rows, whole, image) = both(&file, side);
        prop_assert!(image.pixels == by_libjpeg(&file), "decoded");
        prop_assert!(rows == whole, "resized");
    }

    #[test]
    fn the_rows_of_a_png_are_the_image(
        (width, height) in (1_usize..400, 1_usize..300),
        side in prop_oneof![Just(224_usize), 1_usize..100],
        filter in prop_oneof![
            Just(FilterType::NoFilter),
            Just(FilterType::Sub),
            Just(FilterType::Up),
            Just(FilterType::Avg),
            Just(FilterType::Paeth),
            Just(FilterType::Adaptive),
        ],
        seed in any::<u32>(),
    ) {
        let (rows, whole, image) = both(&png(width, height, seed, filter), side);
        prop_assert!(image.pixels == drawn(width, height, seed), "decoded");
        prop_assert!(rows == whole, "resized");
    }
}

#[test]
fn narrow_images_have_no_chroma_to_interpolate() {
    for width in 1..20 {
        for height in 1..6 {
            for chroma in [(2, 1), (2, 2)] {
                let file = jpeg(width, height, 7, (chroma, false));
                let (rows, whole, image) = both(&file, 30);
                assert!(image.pixels == by_libjpeg(&file), "{width} x {height}");
                assert!(rows == whole, "{width} x {height}");
            }
        }
    }
}
