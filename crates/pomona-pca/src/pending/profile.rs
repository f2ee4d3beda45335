//! Measures the parts of folding in a block of `f64` rows, and which share of the processor's peak the
//! kernel reaches: `cargo test -p pomona-pca profile -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};

use super::{BLOCK, F64Rows};
use crate::kernels::all_finite;
use crate::mean::Mean;

const D: usize = 1280;
const ROUNDS: usize = 60;

/// Sums that are added to at once: enough to hide the latency of an addition.
const SUMS: usize = 12;

/// Multiplies and adds registers, `times` times `SUMS` vectors; returns how many f64 operations that
/// were.
struct Peak(usize);

impl WithSimd for Peak {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let factor = simd.splat_f64s(black_box(0.999));
        let mut sums = [simd.splat_f64s(black_box(1.0)); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f64s(*sum, factor, factor);
            }
        }
        black_box(sums);
        2 * self.0 * SUMS * S::F64_LANES
    }
}

/// The time of the fastest round, which other processes disturb least.
fn fastest(times: Vec<Duration>) -> f64 {
    times.iter().min().map_or(f64::NAN, Duration::as_secs_f64)
}

#[test]
#[ignore = "a measurement, not a test"]
fn profile() {
    let rows: Vec<f64> = (0..BLOCK * D)
        .map(|at| ((at * 7919) % 10_007) as f64 / 10_007.0)
        .collect();
    let mut pending = F64Rows::new(D);
    let (mut count, mut mean, mut comoment) = (0, Mean::new(D), vec![0.0; D * (D + 1) / 2]);
    let mut times: [Vec<Duration>; 4] = Default::default();
    let mut operations = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        operations = Arch::new().dispatch(Peak(500_000));
        times[0].push(start.elapsed());

        let start = Instant::now();
        assert!(all_finite(black_box(&rows)));
        times[1].push(start.elapsed());

        let start = Instant::now();
        pending.append(black_box(&rows));
        times[2].push(start.elapsed());

        let start = Instant::now();
        pending.fold_into(&mut count, &mut mean, &mut comoment);
        times[3].push(start.elapsed());
    }
    black_box(&comoment);
    let [peak, check, append, fold] = times.map(fastest);
    let peak = operations as f64 / peak;
    let of_block = (BLOCK * D * (D + 1)) as f64;
    println!("peak of f64: {:.1} GFLOP/s", peak / 1e9);
    for (what, seconds) in [
        ("check", check),
        ("append", append),
        ("centre and multiply", fold),
    ] {
        println!("{what}: {:.2} ms a block", seconds * 1e3);
    }
    println!(
        "multiply alone would reach {:.0} % of the peak if it were all of the last, the whole {:.0} %",
        of_block / fold / peak * 100.0,
        of_block / (check + append + fold) / peak * 100.0
    );
}
