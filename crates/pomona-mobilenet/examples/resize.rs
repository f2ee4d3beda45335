//! Resized images as bytes, one after the other: `resize SIDE OUTPUT < LIST_OF_FILES`.

use std::io::Write;

use pomona_mobilenet::preprocess::{DecodeLimits, Preprocessor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [side, output] = &arguments[..] else {
        return Err("usage: resize SIDE OUTPUT < LIST_OF_FILES".into());
    };
    let mut preprocessor = Preprocessor::new(side.parse()?, DecodeLimits::default());
    let mut output = std::io::BufWriter::new(std::fs::File::create(output)?);
    let mut image = vec![0; preprocessor.output_len()];
    for path in std::io::stdin().lines() {
        preprocessor.run(&std::fs::read(path?)?, &mut image)?;
        output.write_all(&image)?;
    }
    output.flush()?;
    Ok(())
}
