//! Pictures a second on some threads: what `docs/benchmarks/compare.py` times and checks.
//!
//! `throughput WEIGHTS PICTURES THREADS SECONDS PRECISION [FEATURES]`, where PICTURES holds resized
//! pictures as bytes, one after the other, PRECISION is `f32`, `avx512`, `avx2` or `bf16`, and
//! FEATURES is a file to write their features to, as little-endian f32. Prints pictures a second of
//! the clock, and of the processor's time where Linux tells it: the second is what a busy machine
//! gives while it runs this.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Scratch, Weights};

/// Pictures a call: how many a batch of a query gives to one call at the least.
const BATCH: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, pictures, threads, seconds, precision, ..] = &arguments[..] else {
        return Err(
            "usage: throughput WEIGHTS PICTURES THREADS SECONDS PRECISION [FEATURES]".into(),
        );
    };
    let weights = Weights::load(weights)?;
    let network = match precision.as_str() {
        "bf16" => MobileNetV2::with_precision(&weights, Precision::Bf16)?,
        "f32" => MobileNetV2::new(&weights)?,
        "avx512" => MobileNetV2::with_isa(&weights, Isa::Avx512, Precision::F32)?,
        "avx2" => MobileNetV2::with_isa(&weights, Isa::Avx2, Precision::F32)?,
        other => return Err(format!("no precision {other}").into()),
    };
    let pictures = std::fs::read(pictures)?;
    let picture = network.input_size() * network.input_size() * 3;

    if let Some(path) = arguments.get(5) {
        let mut features = vec![0.0; pictures.len() / picture * network.feature_len()];
        network.features_into(&mut Scratch::new(&network), &pictures, &mut features);
        let bytes: Vec<u8> = features
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(path, bytes)?;
    }

    let limit = Duration::from_secs_f64(seconds.parse()?);
    let (done, busy) = (AtomicUsize::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.parse().unwrap_or(1) {
            scope.spawn(|| {
                let before = processor_time();
                let mut scratch = Scratch::new(&network);
                let mut features = vec![0.0; BATCH * network.feature_len()];
                for batch in pictures.chunks_exact(BATCH * picture).cycle() {
                    if started.elapsed() >= limit {
                        break;
                    }
                    network.features_into(&mut scratch, batch, &mut features);
                    done.fetch_add(BATCH, Ordering::Relaxed);
                }
                busy.fetch_add(processor_time() - before, Ordering::Relaxed);
            });
        }
    });
    let pictures = done.into_inner() as f64;
    let rate = pictures / started.elapsed().as_secs_f64();
    let busy = pictures / (busy.into_inner() as f64 / 1e9);
    println!("{rate:.1} {busy:.1}");
    Ok(())
}

/// Nanoseconds that the calling thread has had a processor; 0 where there is no such file.
fn processor_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = times.split_whitespace().next();
    first.and_then(|time| time.parse().ok()).unwrap_or(0)
}
