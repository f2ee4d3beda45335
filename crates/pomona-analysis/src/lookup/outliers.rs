//! [`outliers`]: the images that the principal components describe worst.

use pomona_results::FinishedRun;
use pomona_session::Variables;

use super::Lookup;
use crate::AnalysisError;

/// The `count` images with the largest reconstruction errors.
///
/// # Errors
/// None but those of the script itself.
pub fn outliers(results: &FinishedRun, count: u64) -> Result<Lookup, AnalysisError> {
    let mut variables = Variables::new();
    variables
        .define("count", count.to_string())
        .define("output", results.written());
    Lookup::new("outliers").with("outliers", &variables)
}
