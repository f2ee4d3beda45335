//! Times a fit on a file of raw rows: one line of commands in, one line of JSON out.
//!
//! `fit_throughput ROWS.f32 DIMENSION COMPONENTS` reads little-endian `f32` rows and then, for every
//! line on standard input that holds a number of threads, fits that many partitions on as many
//! threads, merges them and solves. `docs/benchmarks/pca.py` drives it in alternation with
//! scikit-learn, so that both see the same machine at the same time.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::thread;
use std::time::Instant;

use pomona_pca::{Components, Moments, PcaError};

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
        let variance = model.explained_variance();
        let first = &model.components()[..dimension];
        println!(
            "{{\"total\": {total}, \"moments\": {accumulated}, \"solve\": {solved}, \
             \"explained_variance\": {variance:?}, \"first_component\": {first:?}}}"
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
