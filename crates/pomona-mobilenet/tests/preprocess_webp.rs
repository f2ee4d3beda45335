//! Lossy WebP images drawn at random: pixels and verdicts are those of libwebp, which Pillow decodes with, also where the data is
//! damaged, and what is resized row by row is what is resized as a whole.

mod drawn;

use drawn::lossy_webp::Kind;
use drawn::scene::rgba;
use libwebp_sys::WebPDecodeRGBInto;
use pomona_mobilenet::preprocess::{
    DecodeLimits, Preprocessor, Resizer, RgbImage, decode_rgb, image_info,
};
use proptest::prelude::*;
use std::ops::Range;

/// What libwebp makes of a whole file, with its own upsampling and conversion.
#[expect(unsafe_code, reason = "libwebp's decoder")]
fn by_libwebp(file: &[u8], width: usize, height: usize) -> Option<Vec<u8>> {
    let mut pixels = vec![0; width * height * 3];
    // SAFETY: the buffers are as long as is said.
    let decoded = unsafe {
        WebPDecodeRGBInto(
            file.as_ptr(),
            file.len(),
            pixels.as_mut_ptr(),
            pixels.len(),
            width as i32 * 3,
        )
    };
    (!decoded.is_null()).then_some(pixels)
}

fn by_us(file: &[u8]) -> Option<Vec<u8>> {
    let mut image = RgbImage::default();
    decode_rgb(file, &DecodeLimits::default(), &mut image).ok()?;
    Some(image.pixels)
}

/// Where the data of VP8 behind its header, and that of the alpha, lie.
fn data(file: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 12;
    while let Some(length) = file.get(at + 4..at + 8) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        match &file[at..at + 4] {
            b"VP8 " => ranges.push(at + 18..at + 8 + length),
            b"ALPH" => ranges.push(at + 8..at + 8 + length),
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    ranges
}

fn kinds() -> impl Strategy<Value = Kind> {
    (0_u8..=100, 0..4, any::<bool>(), 0..=100, any::<bool>()).prop_map(
        |(quality, partitions, simple, strength, alpha)| Kind {
            quality: f32::from(quality),
            partitions,
            filter: (simple, strength),
            alpha,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_rows_are_those_of_libwebp(
        (width, height) in prop_oneof![
            (1_usize..40, 1_usize..40),
            (1_usize..700, 1_usize..500),
        ],
        side in prop_oneof![Just(224_usize), 1_usize..100],
        kind in kinds(),
        seed in any::<u32>(),
    ) {
        let file = kind.encode(&rgba(width, height, seed), width);
        let mut image = RgbImage::default();
        decode_rgb(&file, &DecodeLimits::default(), &mut image).unwrap();
        prop_assert!(Some(&image.pixels) == by_libwebp(&file, width, height).as_ref(), "decoded");
        let (mut rows, mut whole) = (vec![1; side * side * 3], vec![2; side * side * 3]);
        Preprocessor::new(side, DecodeLimits::default()).run(&file, &mut rows).unwrap();
        Resizer::new(side, side).resize(&image, &mut whole);
        prop_assert!(rows == whole, "resized");
    }

    #[test]
    fn damaged_data_is_what_libwebp_makes_of_it(
        // Those of a quarter of a megapixel and more are decoded in pieces.
        (width, height) in prop_oneof![
            (1_usize..20, 1_usize..20),
            (1_usize..300, 1_usize..300),
            (600_usize..700, 450_usize..500),
        ],
        kind in kinds(),
        seed in any::<u32>(),
        flips in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..),
            1..4,
        ),
    ) {
        let mut file = kind.encode(&rgba(width, height, seed), width);
        let places = data(&file);
        prop_assert!(!places.is_empty());
        let mut is_alpha_whole = true;
        for (place, at, bits) in flips {
            let place = place.get(&places);
            is_alpha_whole &= !file[place.start - 8..].starts_with(b"ALPH");
            file[place.start + at.index(place.len())] ^= bits;
        }
        let (ours, theirs) = (by_us(&file), by_libwebp(&file, width, height));
        // Alpha is not libwebp's here, and more of its damage is refused.
        if ours.is_some() || is_alpha_whole {
            prop_assert_eq!(ours.is_some(), theirs.is_some(), "verdict");
            prop_assert!(ours == theirs, "pixels");
        }
    }

    #[test]
    fn data_that_is_cut_is_refused_where_libwebp_refuses_it(
        (width, height) in prop_oneof![
            (1_usize..300, 1_usize..300),
            (600_usize..700, 450_usize..500),
        ],
        kind in kinds(),
        seed in any::<u32>(),
        keep in 0.0..1.0_f64,
    ) {
        // The chunk is as long as it says, and holds less of the frame.
        let kind = Kind { alpha: false, ..kind };
        let mut file = kind.encode(&rgba(width, height, seed), width);
        let place = data(&file).pop().unwrap();
        let cut = place.start + (place.len() as f64 * keep) as usize / 2 * 2;
        file.truncate(cut);
        for (at, length) in [(4, file.len() - 8), (place.start - 14, cut - place.start + 10)] {
            file[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
        }
        prop_assert!(image_info(&file).is_ok());
        let (ours, theirs) = (by_us(&file), by_libwebp(&file, width, height));
        prop_assert_eq!(ours.is_some(), theirs.is_some(), "verdict");
        prop_assert!(ours == theirs, "pixels");
    }
}
