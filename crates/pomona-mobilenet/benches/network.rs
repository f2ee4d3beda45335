//! Time of the network and of its parts, with random weights: needs no file.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Scratch, Weights};

/// The instruction sets and precisions of this processor, fastest first.
fn networks() -> Vec<(String, MobileNetV2)> {
    let weights = Weights::random(1.0, 1).expect("random weights are finite");
    [
        (Isa::Amx, Precision::Bf16),
        (Isa::Amx, Precision::F32),
        (Isa::Avx512, Precision::F32),
        (Isa::Avx2, Precision::F32),
        (Isa::Portable, Precision::F32),
    ]
    .into_iter()
    .filter_map(|(isa, precision)| {
        let network = MobileNetV2::with_isa(&weights, isa, precision).ok()?;
        let name = format!("{isa:?}_{precision:?}").to_lowercase();
        Some((name, network))
    })
    .collect()
}

fn pictures(network: &MobileNetV2, count: usize) -> Vec<u8> {
    let bytes = count * network.input_size() * network.input_size() * 3;
    (0..bytes).map(|byte| (byte * 31 % 251) as u8).collect()
}

/// Whole forward passes of one picture and of eight.
fn whole(criterion: &mut Criterion) {
    for (name, network) in networks() {
        let mut group = criterion.benchmark_group(format!("network/{name}"));
        let mut scratch = Scratch::new(&network);
        for count in [1, 8] {
            let pictures = pictures(&network, count);
            let mut features = vec![0.0; count * network.feature_len()];
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(format!("{count}_pictures"), |bencher| {
                bencher.iter(|| {
                    network.features_into(&mut scratch, black_box(&pictures), &mut features);
                });
            });
        }
    }
}

/// The stem with its block, every other block, and the last convolution, for eight pictures.
fn parts(criterion: &mut Criterion) {
    let (name, network) = networks().swap_remove(0);
    let mut group = criterion.benchmark_group(format!("parts/{name}"));
    let mut scratch = Scratch::new(&network);
    let pictures = pictures(&network, 8);
    let mut features = vec![0.0; 8 * network.feature_len()];
    let blocks = network.architecture().blocks.len();
    for part in 0..=blocks {
        let name = match part {
            0 => "stem_and_block_00".to_owned(),
            part if part == blocks => "last_and_average".to_owned(),
            part => format!("block_{part:02}"),
        };
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut total = Duration::ZERO;
                for _ in 0..iterations {
                    let mut last = Instant::now();
                    network.features_observed(&mut scratch, &pictures, &mut features, |done| {
                        if done == part {
                            total += last.elapsed();
                        }
                        last = Instant::now();
                    });
                }
                total
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = whole, parts
}
criterion_main!(benches);
