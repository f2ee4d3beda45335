//! A network with random weights, for tests of everything but the numbers.

use std::path::Path;

use pomona_mobilenet::network::{Weights, WeightsError};

/// Writes the file of a network of width 1.0 whose weights are random, the same at every call.
///
/// # Errors
/// When the file cannot be written.
pub fn write_random(path: &Path) -> Result<(), WeightsError> {
    write_random_of(path, 7)
}

/// Writes the file of another network of width 1.0 for every seed.
///
/// # Errors
/// When the file cannot be written.
pub fn write_random_of(path: &Path, seed: u64) -> Result<(), WeightsError> {
    Weights::random(1.0, seed)?.save(path)
}
