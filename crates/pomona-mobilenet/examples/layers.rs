//! Where the time of a forward pass goes: microseconds, arithmetic rate and share of each block.

use std::time::Instant;

use candle_core::{Device, Tensor};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Weights};

const IMAGES: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(100), |rounds| rounds.parse())?;
    let (isa, precision) = match arguments.next().as_deref() {
        Some("avx512") => (Isa::Avx512, Precision::F32),
        Some("avx2") => (Isa::Avx2, Precision::F32),
        Some("portable") => (Isa::Portable, Precision::F32),
        Some("avx512_bf16") => (Isa::Avx512, Precision::Bf16),
        Some("bf16") => (Isa::chosen()?, Precision::Bf16),
        _ => (Isa::chosen()?, Precision::F32),
    };
    let network = MobileNetV2::with_isa(&Weights::random(1.0, 1)?, isa, precision)?;
    let size = network.input_size();
    let images: Vec<u8> = (0..IMAGES * size * size * 3)
        .map(|byte| (byte * 31 % 251) as u8)
        .collect();
    let images = Tensor::from_vec(images, (IMAGES, size, size, 3), &Device::Cpu)?;

    // The best of many rounds of each piece: what it takes when nothing else has the core.
    let sizes = network.architecture().block_sizes();
    let parts = sizes.len();
    let mut best = vec![f64::INFINITY; parts * IMAGES];
    for _ in 0..rounds {
        let mut calls = vec![0; parts];
        let mut last = Instant::now();
        network.forward_observed(&images, |part| {
            let slot = &mut best[part * IMAGES + calls[part]];
            *slot = slot.min(last.elapsed().as_secs_f64());
            calls[part] += 1;
            last = Instant::now();
        })?;
    }

    let micros: Vec<f64> = best
        .as_chunks::<IMAGES>()
        .0
        .iter()
        .map(|pieces| pieces.iter().filter(|t| t.is_finite()).sum::<f64>())
        .map(|seconds| seconds / IMAGES as f64 * 1e6)
        .collect();
    let total: f64 = micros.iter().sum();
    let mut all = 0.0;
    let operations = network.architecture().operations();
    let limit = network.operations_limit() / 1e9;
    println!("part  side  channels            us  GFLOP/s  limit  share");
    for (part, micros) in micros.iter().enumerate() {
        let side = sizes[part];
        let channels = match network.architecture().blocks.get(part) {
            Some(block) => format!("{}-{}-{}", block.input, block.expanded, block.output),
            None => {
                let input = network.architecture().blocks[part - 1].output;
                format!("{input}-{}", network.feature_len())
            }
        };
        let rate = operations[part] as f64 / micros / 1e3;
        let share = micros / total * 100.0;
        all += operations[part] as f64;
        let of = rate / limit * 100.0;
        println!("{part:4} {side:5}  {channels:14} {micros:7.1} {rate:8.1} {of:5.1}% {share:5.1}%");
    }
    println!(
        "{:.1} GFLOP/s of the {limit:.1} that f32 multiplications in registers reach: {:.1}%",
        all / total / 1e3,
        all / total / 1e3 / limit * 100.0
    );
    println!(
        "{isa} {precision:?}: {total:.0} us an image, {:.0} images a second",
        1e6 / total
    );
    Ok(())
}
