//! Times a fit on a file of raw rows: one line of commands in, one line of JSON out.
//!
//! `fit_throughput ROWS.f32 DIMENSION COMPONENTS` reads little-endian `f32` rows and then, for every
//! line on standard input that holds a number of threads, fits that many partitions on as many
//! threads, merges them and solves. `docs/benchmarks/pca.py` drives it in alternation with
//! scikit-learn, so that both see the same machine at the same time. `limit` is the operations of f64 a
//! second that a core does if it multiplies and adds in registers alone, measured at each fit.

use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::thread;
use std::time::Instant;

use pomona_pca::{Components, Moments, PcaError};
use pulp::{Arch, Simd, WithSimd};

/// Rows a caller brings at a time, as a query engine would.
const BATCH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, dimension, components] = arguments.as_slice() else {
        return Err("usage: fit_throughput ROWS.f32 DIMENSION COMPONENTS".into());
    };
    let dimension: usize = dimension.parse()?;
    let components = Components::try_from(components.parse::<f64>()?)?;
    let bytes = std::fs::read(path)?;
    let rows: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect();
    drop(bytes);

    for line in stdin().lines() {
        let threads: usize = line?.trim().parse()?;
        let start = Instant::now();
        let moments = fit(&rows, dimension, threads)?;
        let accumulated = start.elapsed().as_secs_f64();
        let model = moments.solve(components)?;
        let total = start.elapsed().as_secs_f64();
        let solved = total - accumulated;
        let limit = limit();
        let variance = model.explained_variance();
        let first = &model.components()[..dimension];
        println!(
            "{{\"total\": {total}, \"moments\": {accumulated}, \"solve\": {solved}, \
             \"limit\": {limit}, \"explained_variance\": {variance:?}, \"first_component\": {first:?}}}"
        );
        stdout().flush()?;
    }
    Ok(())
}

fn fit(rows: &[f32], dimension: usize, threads: usize) -> Result<Moments, PcaError> {
    let share = (rows.len() / dimension).div_ceil(threads) * dimension;
    let mut parts = thread::scope(|scope| {
        let running: Vec<_> = rows
            .chunks(share)
            .map(|part| scope.spawn(move || accumulate(part, dimension)))
            .collect();
        let joined = running
            .into_iter()
            .map(|part| part.join().expect("no thread panics"));
        joined.collect::<Result<Vec<_>, _>>()
    })?
    .into_iter();
    let mut whole = parts.next().unwrap_or_else(|| Moments::new(dimension));
    for part in parts {
        whole.merge(&part)?;
    }
    Ok(whole)
}

fn accumulate(rows: &[f32], dimension: usize) -> Result<Moments, PcaError> {
    let mut moments = Moments::new(dimension);
    for batch in rows.chunks(BATCH * dimension) {
        moments.update(batch)?;
    }
    // The waiting rows are folded in here, in parallel, rather than while merging.
    moments.mean();
    Ok(moments)
}

/// Multiplies and adds in registers, this many times each.
struct Registers(usize);

/// Sums that do not wait for one another, enough to hide the latency of an addition.
const SUMS: usize = 12;

impl WithSimd for Registers {
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

/// Operations a second of the best of some rounds, which other processes disturb least.
fn limit() -> f64 {
    let rates = (0..50).map(|_| {
        let start = Instant::now();
        let operations = Arch::new().dispatch(Registers(20_000));
        operations as f64 / start.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}
