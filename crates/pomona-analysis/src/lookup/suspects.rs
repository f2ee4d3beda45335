//! [`suspects`]: the images whose label is not that of their neighbours.

use pomona_results::FinishedRun;
use pomona_session::Variables;

use super::{Lookup, Vectors, check_components};
use crate::AnalysisError;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspects {
    /// What images are compared by.
    pub by: Vectors,
    /// How many of the nearest other images vote.
    pub neighbours: u64,
    /// How many images are asked for.
    pub count: u64,
}

/// The images whose label is not that of most of their nearest other images.
///
/// # Errors
/// When images are to be compared by principal components, and the results have none.
pub fn suspects(results: &FinishedRun, asked: &Suspects) -> Result<Lookup, AnalysisError> {
    if asked.by == Vectors::Pca {
        check_components(results)?;
    }
    let mut variables = Variables::new();
    variables
        .define("by", asked.by.to_string())
        .define("count", asked.count.to_string())
        .define("neighbours", asked.neighbours.to_string())
        .define(
            "vectors",
            format!("{}/{}", results.written(), asked.by.folder()),
        );
    Lookup::new("suspects").with("suspects", &variables)
}
