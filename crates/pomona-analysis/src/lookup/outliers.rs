//! [`outliers`]: the images that the principal components describe worst.

use pomona_results::FinishedRun;
use pomona_session::Variables;

use super::{Lookup, check_components};
use crate::AnalysisError;

/// The `count` images with the largest reconstruction errors.
///
/// # Errors
/// When the results have no principal components.
pub fn outliers(results: &FinishedRun, count: u64) -> Result<Lookup, AnalysisError> {
    check_components(results)?;
    let mut variables = Variables::new();
    variables
        .define("count", count.to_string())
        .define("output", results.written());
    Lookup::new("outliers").with("outliers", &variables)
}
