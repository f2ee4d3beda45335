//! Damaged and random files: an error or an image, never a panic, never a word on standard error.

mod drawn;

use drawn::wholes;
use pomona_mobilenet::preprocess::{DecodeLimits, RgbImage, decode_rgb, image_info};
use proptest::prelude::*;
use std::cell::Cell;
use std::panic;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), start in 0usize..7) {
        let starts: [&[u8]; 7] = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP", b"GIF89a", b"BM", b"II*\0\x08\0\0\0"];
        survives(&[starts[start], &bytes].concat());
    }

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..10,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.3),
    ) {
        let mut bytes = wholes().swap_remove(which);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        survives(&bytes);
    }

    #[test]
    fn damaged_headers_never_panic(
        which in 0usize..10,
        flips in proptest::collection::vec((0usize..120, any::<u8>()), 1..5),
    ) {
        let mut bytes = wholes().swap_remove(which);
        for (at, value) in flips {
            bytes[at] = value;
        }
        survives(&bytes);
    }
}

#[test]
fn the_decoders_fail_without_a_word_on_standard_error() {
    thread_local!(static PANICS: Cell<u32> = const { Cell::new(0) });
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.set(PANICS.get() + 1);
        before(info);
    }));
    for whole in wholes() {
        for at in (0..whole.len()).step_by(13) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x5a;
            survives(&damaged);
            survives(&whole[..at]);
        }
    }
    // libjpeg's fatal errors unwind, which is not a panic.
    assert_eq!(PANICS.get(), 0);
}

/// Decodes whatever it is. The limit keeps a flipped size from costing seconds.
fn survives(bytes: &[u8]) {
    let limits = DecodeLimits {
        max_pixels: 1 << 20,
        ..DecodeLimits::DEFAULT
    };
    let mut image = RgbImage::default();
    let info = image_info(bytes);
    match decode_rgb(bytes, &limits, &mut image) {
        Ok(()) => {
            assert_eq!(
                image.pixels.len() as u64,
                u64::from(image.width) * u64::from(image.height) * 3
            );
            assert!(image.pixels.len() as u64 <= limits.max_pixels * 3);
            let info = info.expect("a file that decodes has a header");
            assert_eq!((info.width, info.height), (image.width, image.height));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
