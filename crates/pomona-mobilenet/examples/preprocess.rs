//! Decodes and resizes files as often as it is asked to: what `docs/benchmarks/preprocess.py` times and checks.
//!
//! `preprocess SIDE`, and on standard input lines `TIMES FILE`. For each it prints the seconds of processor time that one
//! image took, and a file of the same name with `.rgb` at its end gets the resized bytes.

use std::io::{Write, stdin, stdout};

use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side = std::env::args().nth(1).ok_or("usage: preprocess SIDE")?;
    let mut preprocessor = Preprocessor::new(side.parse()?, DecodeLimits::default());
    let mut resized = vec![0; preprocessor.output_len()];
    for line in stdin().lines() {
        let line = line?;
        let (times, path) = line.split_once(' ').ok_or("a line is TIMES FILE")?;
        let (times, file): (u32, _) = (times.parse()?, std::fs::read(path)?);
        let before = processor_time()?;
        for _ in 0..times {
            preprocessor.run(&file, &mut resized)?;
        }
        let seconds = (processor_time()? - before) as f64 / 1e9 / f64::from(times);
        std::fs::write(format!("{path}.rgb"), &resized)?;
        println!("{seconds}");
        stdout().flush()?;
    }
    Ok(())
}

/// Nanoseconds that this thread has had a processor.
fn processor_time() -> Result<u64, Box<dyn std::error::Error>> {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = times.split_whitespace().next();
    Ok(first.ok_or("no times of this thread")?.parse()?)
}
