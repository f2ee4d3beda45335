//! Images a second of a network on some threads: what `docs/benchmarks/backbones.py` times and checks.
//!
//! `rates NETWORK WEIGHTS IMAGES THREADS SECONDS BATCH [FEATURES]`, where IMAGES holds resized images
//! as bytes, one after the other, BATCH is how many of them go through the network together, and
//! FEATURES is a file to write their features to, as little-endian f32. Prints images a second of
//! the clock, and of the processor's time where Linux reports it: the second is meaningful on a
//! busy machine too. `POMONA_ISA` chooses the instruction set.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use pomona_backbones::{Target, backbone};
use pomona_weights::WeightsFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, weights, images, threads, seconds, batch, ..] = &arguments[..] else {
        let usage = "usage: rates NETWORK WEIGHTS IMAGES THREADS SECONDS BATCH [FEATURES]";
        return Err(usage.into());
    };
    let file = WeightsFile::new(std::fs::read(weights)?.into(), weights);
    let network = backbone(name)?.load(&file, &Target::default())?;
    let images = std::fs::read(images)?;
    let size = network.preprocessing().input_size;
    let image = size * size * 3;
    let tensor = |images: &[u8]| {
        let shape = (images.len() / image, size, size, 3);
        Tensor::from_slice(images, shape, &Device::Cpu)
    };

    if let Some(path) = arguments.get(6) {
        let features = network.forward(&tensor(&images)?)?.flatten_all()?;
        let values = features.to_vec1::<f32>()?;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(path, bytes)?;
    }

    let batch: usize = batch.parse()?;
    let limit = Duration::from_secs_f64(seconds.parse()?);
    let (done, busy) = (AtomicUsize::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.parse().unwrap_or(1) {
            scope.spawn(|| {
                let before = processor_time();
                for images in images.chunks_exact(batch * image).cycle() {
                    if started.elapsed() >= limit {
                        break;
                    }
                    let features = tensor(images).and_then(|images| network.forward(&images));
                    std::hint::black_box(features.expect("these images have features"));
                    done.fetch_add(batch, Ordering::Relaxed);
                }
                busy.fetch_add(processor_time() - before, Ordering::Relaxed);
            });
        }
    });
    let images = done.into_inner() as f64;
    let rate = images / started.elapsed().as_secs_f64();
    let busy = images / (busy.into_inner() as f64 / 1e9);
    println!("{rate:.2} {busy:.2}");
    Ok(())
}

/// Nanoseconds that the calling thread has had a processor; 0 where there is no such file.
fn processor_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = times.split_whitespace().next();
    first.and_then(|time| time.parse().ok()).unwrap_or(0)
}
