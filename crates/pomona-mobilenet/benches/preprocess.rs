//! Decode, resize and both, on one core.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mozjpeg::{ColorSpace, Compress};
use pomona_mobilenet::preprocess::resize::{Kernel, Resizer};
use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor, RgbImage, decode_rgb};
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

/// Images of the size and weight of a product photograph, and one of a camera's preview.
fn drawn(c: &mut Criterion) {
    let limits = DecodeLimits::default();
    for (width, height) in [(100, 100), (640, 480)] {
        let name = format!("{width}x{height}");
        let source = draw(width, height);
        let bytes = encode(&source);
        let mut decoded = RgbImage::default();
        c.bench_function(&format!("decode/{name}"), |b| {
            b.iter(|| decode_rgb(black_box(&bytes), &limits, &mut decoded).unwrap());
        });
        let mut out = vec![0; 224 * 224 * 3];
        let mut group = c.benchmark_group("resize");
        for kernel in Kernel::available() {
            let mut resizer = Resizer::with_kernel(224, 224, kernel);
            group.bench_function(BenchmarkId::new(format!("{kernel:?}"), &name), |b| {
                b.iter(|| resizer.resize(black_box(&source), &mut out));
            });
        }
        group.finish();
        let mut preprocessor = Preprocessor::new(224, limits);
        c.bench_function(&format!("whole/{name}"), |b| {
            b.iter(|| preprocessor.run(black_box(&bytes), &mut out).unwrap());
        });
    }
}

/// 64 real photographs where the reference data is at hand; the figure is for all of them.
fn photographs(c: &mut Criterion) {
    let data = std::env::var_os("POMONA_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let pattern = data.join("fruits360/Training");
    let mut files: Vec<PathBuf> = fs::read_dir(&pattern)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|class| {
            fs::read_dir(class.path())
                .ok()?
                .flatten()
                .map(|f| f.path())
                .min()
        })
        .collect();
    files.sort();
    files.truncate(64);
    if files.is_empty() {
        eprintln!("skipped: no photographs in {}", pattern.display());
        return;
    }
    let files: Vec<Vec<u8>> = files.iter().map(|f| fs::read(f).unwrap()).collect();
    let limits = DecodeLimits::default();
    let mut decoded = RgbImage::default();
    c.bench_function("decode/64 photographs", |b| {
        b.iter(|| {
            for bytes in &files {
                decode_rgb(black_box(bytes), &limits, &mut decoded).unwrap();
            }
        });
    });
    let mut preprocessor = Preprocessor::new(224, limits);
    let mut out = vec![0; preprocessor.output_len()];
    c.bench_function("whole/64 photographs", |b| {
        b.iter(|| {
            for bytes in &files {
                preprocessor.run(black_box(bytes), &mut out).unwrap();
            }
        });
    });
}

/// A shaded disc with some texture on white, as a fruit is.
fn draw(width: u32, height: u32) -> RgbImage {
    let mut noise = 1u32;
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (
                x as f32 / width as f32 * 2.0 - 1.0,
                y as f32 / height as f32 * 2.0 - 1.0,
            );
            let shade = 1.0 - (u * u + v * v) / 0.8;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as f32;
            for tint in [210.0, 60.0, 40.0] {
                let value = if shade > 0.0 {
                    tint * (0.35 + 0.65 * shade.sqrt()) + grain
                } else {
                    255.0
                };
                pixels.push(value as u8);
            }
        }
    }
    RgbImage {
        width,
        height,
        pixels,
    }
}

fn encode(image: &RgbImage) -> Vec<u8> {
    let mut encoder = Compress::new(ColorSpace::JCS_RGB);
    encoder.set_size(image.width as usize, image.height as usize);
    encoder.set_fastest_defaults();
    encoder.set_quality(90.0);
    let mut started = encoder.start_compress(Vec::new()).unwrap();
    started.write_scanlines(&image.pixels).unwrap();
    started.finish().unwrap()
}

criterion_group!(benches, drawn, photographs);
criterion_main!(benches);
