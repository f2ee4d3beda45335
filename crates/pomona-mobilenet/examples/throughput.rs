//! Images a second on some threads: what `docs/benchmarks/compare.py` times and checks.
//!
//! `throughput WEIGHTS IMAGES THREADS SECONDS PRECISION [FEATURES]`, where IMAGES holds resized
//! images as bytes, one after the other, PRECISION is `f32`, `avx512`, `avx2`, `bf16`
//! or `avx512_bf16`, and
//! FEATURES is a file to write their features to, as little-endian f32. Prints images a second of
//! the clock, and of the processor's time where Linux reports it: the second is meaningful on a
//! busy machine too. Then those that a core would do if it did nothing but multiply and add f32 in
//! registers at the rate that was measured before and after, and that rate, operations a second.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use candle_core::{Device, Module, Tensor};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Weights};

/// Images a call: how many a batch of a query gives to one call at the least.
const BATCH: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, threads, seconds, precision, ..] = &arguments[..] else {
        return Err("usage: throughput WEIGHTS IMAGES THREADS SECONDS PRECISION [FEATURES]".into());
    };
    let weights = Weights::load(weights)?;
    let network = match precision.as_str() {
        "bf16" => MobileNetV2::with_precision(&weights, Precision::Bf16)?,
        "f32" => MobileNetV2::new(&weights)?,
        "avx512" => MobileNetV2::with_isa(&weights, Isa::Avx512, Precision::F32)?,
        "avx512_bf16" => MobileNetV2::with_isa(&weights, Isa::Avx512, Precision::Bf16)?,
        "avx2" => MobileNetV2::with_isa(&weights, Isa::Avx2, Precision::F32)?,
        other => return Err(format!("no precision {other}").into()),
    };
    let images = std::fs::read(images)?;
    let size = network.input_size();
    let image = size * size * 3;
    let tensor = |images: &[u8]| {
        let shape = (images.len() / image, size, size, 3);
        Tensor::from_slice(images, shape, &Device::Cpu)
    };

    if let Some(path) = arguments.get(5) {
        let features = network.forward(&tensor(&images)?)?.flatten_all()?;
        let bytes: Vec<u8> = features
            .to_vec1::<f32>()?
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(path, bytes)?;
    }

    let before = network.operations_limit();
    let limit = Duration::from_secs_f64(seconds.parse()?);
    let (done, busy) = (AtomicUsize::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.parse().unwrap_or(1) {
            scope.spawn(|| {
                let before = processor_time();
                for batch in images.chunks_exact(BATCH * image).cycle() {
                    if started.elapsed() >= limit {
                        break;
                    }
                    let features = tensor(batch).and_then(|batch| network.forward(&batch));
                    std::hint::black_box(features.expect("these images have features"));
                    done.fetch_add(BATCH, Ordering::Relaxed);
                }
                busy.fetch_add(processor_time() - before, Ordering::Relaxed);
            });
        }
    });
    let images = done.into_inner() as f64;
    let rate = images / started.elapsed().as_secs_f64();
    let busy = images / (busy.into_inner() as f64 / 1e9);
    let most = before.max(network.operations_limit());
    let operations: u64 = network.architecture().operations().iter().sum();
    println!(
        "{rate:.1} {busy:.1} {:.1} {most:.0}",
        most / operations as f64
    );
    Ok(())
}

/// Nanoseconds that the calling thread has had a processor; 0 where there is no such file.
fn processor_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = times.split_whitespace().next();
    first.and_then(|time| time.parse().ok()).unwrap_or(0)
}
