//! Time of the network and of its parts, with random weights: needs no file.

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{Device, Module, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Weights};

/// The instruction sets and precisions of this processor, fastest first.
fn networks() -> Vec<(String, MobileNetV2)> {
    let weights = Weights::random(1.0, 1).expect("random weights are finite");
    [
        (Isa::Amx, Precision::Bf16),
        (Isa::Amx, Precision::F32),
        (Isa::Avx512, Precision::Bf16),
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

fn images(network: &MobileNetV2, count: usize) -> Tensor {
    let size = network.input_size();
    let bytes: Vec<u8> = (0..count * size * size * 3)
        .map(|byte| (byte * 31 % 251) as u8)
        .collect();
    Tensor::from_vec(bytes, (count, size, size, 3), &Device::Cpu)
        .expect("as many as the shape says")
}

/// Whole forward passes of one image and of eight.
fn whole(criterion: &mut Criterion) {
    for (name, network) in networks() {
        let mut group = criterion.benchmark_group(format!("network/{name}"));
        for count in [1, 8] {
            let images = images(&network, count);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(format!("{count}_images"), |bencher| {
                bencher.iter(|| network.forward(black_box(&images)));
            });
        }
    }
}

/// The stem with its block, every other block, and the last convolution, for eight images.
fn parts(criterion: &mut Criterion) {
    let (name, network) = networks().swap_remove(0);
    let mut group = criterion.benchmark_group(format!("parts/{name}"));
    let images = images(&network, 8);
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
                    let observed = network.forward_observed(&images, |done| {
                        if done == part {
                            total += last.elapsed();
                        }
                        last = Instant::now();
                    });
                    observed.expect("these images have features");
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
