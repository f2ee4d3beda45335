//! [`outliers`]: the pictures that the principal components describe worst.

use super::{Lookup, Results};
use crate::{DriverError, Variables};

/// The `count` pictures with the largest reconstruction errors.
///
/// # Errors
/// None but those of the script itself.
pub fn outliers(results: &Results, count: u64) -> Result<Lookup, DriverError> {
    let mut variables = Variables::new();
    variables
        .define("count", count.to_string())
        .define("output", results.url());
    Lookup::new("outliers").with("outliers", &variables)
}
