//! Files that stand for much memory or work are refused or bounded, and decoding can be stopped.

#[path = "../../../tests/src/bombs.rs"]
pub mod bombs;
mod drawn;

use drawn::wholes;
use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{
    DecodeLimits, DecodeOptions, Decoding, ImageFormat, Interrupt, RgbImage, decode_cost,
    decode_rgb, decode_rgb_with,
};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// What one image may take on a machine with several other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn every_bomb_is_refused_or_decoded_within_the_limits() {
    let mut files: Vec<(String, Vec<u8>)> = bombs::all()
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    files.extend(reference_bombs());
    let limits = DecodeLimits::default();
    let mut image = RgbImage::default();
    for (name, bytes) in files {
        let cost = decode_cost(&bytes, &DecodeOptions::default()).unwrap();
        let is_refused = cost.bytes > limits.max_decode_bytes;
        let most = if is_refused {
            Duration::from_secs(1)
        } else {
            PATIENCE
        };
        let outcome = within(most, &name, || decode_rgb(&bytes, &limits, &mut image));
        println!("{name}: {} MB stated, {outcome:?}", cost.bytes >> 20);
        assert!(
            !is_refused
                || matches!(outcome, Err(ImageError::TooManyBytes { needed, .. }) if needed == cost.bytes),
            "{name}: {outcome:?}"
        );
    }
}

/// What some work returns that takes less than this in one of five rounds: in the others something else may have had the
/// processor.
#[track_caller]
fn within<T>(most: Duration, name: &str, mut work: impl FnMut() -> T) -> T {
    let mut times = vec![];
    while times.len() < 5 {
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        if took < most {
            return outcome;
        }
        times.push(took);
    }
    panic!("{name} took {times:?}, not {most:?}")
}

#[test]
fn bombs_are_refused_for_what_they_are() {
    let refused = |name: &str| {
        let (_, bytes) = bombs::all()
            .into_iter()
            .find(|(found, _)| *found == name)
            .unwrap();
        decode_rgb(&bytes, &DecodeLimits::default(), &mut RgbImage::default()).unwrap_err()
    };
    assert_eq!(
        refused("grey JPEG of 2,000 scans"),
        ImageError::TooManyScans {
            scans: 2000,
            limit: 100
        }
    );
    // Above five megapixels fewer, but as many as encoders write.
    assert_eq!(
        refused("grey JPEG of 100 scans within the bytes"),
        ImageError::TooManyScans {
            scans: 100,
            limit: 20
        }
    );
    assert!(matches!(
        refused("CMYK JPEG of 10 scans"),
        ImageError::TooManyBytes {
            format: ImageFormat::Jpeg,
            limit: 536_870_912,
            ..
        }
    ));
    for (name, format) in [
        ("GIF with a large frame and no data", ImageFormat::Gif),
        ("BMP header", ImageFormat::Bmp),
        ("TIFF header", ImageFormat::Tiff),
    ] {
        assert_eq!(refused(name), ImageError::Truncated { format }, "{name}");
    }
    let error = refused("lossless WebP of one color").to_string();
    assert!(
        error.starts_with("too many bytes: decoding this WEBP takes")
            && error.ends_with("(option `pomona.max_decode_bytes`)"),
        "{error}"
    );
}

#[test]
fn profiles_and_texts_are_not_inflated() {
    let mut image = RgbImage::default();
    for (name, bytes) in bombs::all() {
        if name.starts_with("PNG with") {
            decode_rgb(&bytes, &DecodeLimits::default(), &mut image).unwrap();
            assert_eq!((image.width, image.height), (64, 64), "{name}");
        }
    }
}

#[test]
fn the_limit_of_bytes_is_the_stated_cost() {
    for bytes in wholes() {
        let cost = decode_cost(&bytes, &DecodeOptions::default()).unwrap();
        assert_eq!(cost.pixels, 61 * 47);
        let limits = |max_decode_bytes| DecodeLimits {
            max_decode_bytes,
            ..DecodeLimits::default()
        };
        let mut image = RgbImage::default();
        decode_rgb(&bytes, &limits(cost.bytes), &mut image).unwrap();
        let error = decode_rgb(&bytes, &limits(cost.bytes - 1), &mut image).unwrap_err();
        assert!(
            matches!(error, ImageError::TooManyBytes { needed, limit, .. }
                if needed == cost.bytes && limit == cost.bytes - 1),
            "{error}"
        );
    }
}

#[test]
fn an_image_that_takes_too_long_is_given_up() {
    let timeout = Duration::from_millis(30);
    let limits = DecodeLimits {
        timeout: Some(timeout),
        max_decode_bytes: u64::MAX,
        ..DecodeLimits::default()
    };
    for (name, bytes) in slow() {
        let error = within(Duration::from_secs(5), name, || {
            decode_rgb(&bytes, &limits, &mut RgbImage::default()).unwrap_err()
        });
        assert_eq!(error, ImageError::TimedOut { timeout }, "{name}");
    }
    let none = DecodeLimits {
        timeout: Some(Duration::ZERO),
        ..limits
    };
    for bytes in wholes() {
        let error = decode_rgb(&bytes, &none, &mut RgbImage::default()).unwrap_err();
        assert!(matches!(error, ImageError::TimedOut { .. }), "{error}");
    }
}

#[test]
fn an_image_that_is_being_decoded_can_be_interrupted() {
    for (name, bytes) in slow() {
        // One that is decoded before this thread interrupts it shows nothing.
        let interrupted = (0..5).any(|_| {
            let interrupt = Interrupt::new();
            let decoding = Decoding {
                limits: DecodeLimits {
                    max_decode_bytes: u64::MAX,
                    ..DecodeLimits::default()
                },
                interrupt: Some(interrupt.clone()),
                ..Decoding::default()
            };
            let (outcome, took) = thread::scope(|scope| {
                let worker =
                    scope.spawn(|| decode_rgb_with(&bytes, &decoding, &mut RgbImage::default()));
                thread::sleep(Duration::from_millis(20));
                let start = Instant::now();
                interrupt.raise();
                (worker.join().unwrap(), start.elapsed())
            });
            println!("{name}: {outcome:?}, {took:?} after the interrupt");
            match outcome {
                Ok(_) => false,
                Err(error) => {
                    assert_eq!(error, ImageError::Interrupted, "{name}");
                    took < Duration::from_secs(5)
                }
            }
        });
        assert!(interrupted, "{name} goes on for seconds");
    }
}

/// What takes long however fast the machine is.
fn slow() -> Vec<bombs::Bomb> {
    vec![
        ("JPEG", bombs::jpeg(bombs::SIDE, 1, 20)),
        ("PNG", bombs::png(bombs::SIDE, 8, 2, &[])),
        ("WebP", bombs::lossy_webp(bombs::SIDE)),
    ]
}

fn reference_bombs() -> Vec<(String, Vec<u8>)> {
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = data.join("cases/bombs");
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("skipped: no {}", folder.display());
        return Vec::new();
    };
    files
        .map(|file| {
            let path = file.unwrap().path();
            (path.display().to_string(), fs::read(path).unwrap())
        })
        .collect()
}
