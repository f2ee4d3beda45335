//! What can go wrong while results are asked, compared and shown.

use datafusion::error::DataFusionError;
use pomona_images::ImagesError;
use pomona_results::ResultsError;
use pomona_session::ScriptError;
use thiserror::Error;

/// The error of a look-up, a comparison or a report.
#[derive(Debug, Error)]
pub enum AnalysisError {
    /// SQL failed.
    #[error(transparent)]
    Script(#[from] ScriptError),

    /// The results cannot be read or written.
    #[error(transparent)]
    Results(#[from] ResultsError),

    /// A location cannot be used, or its objects cannot be listed.
    #[error(transparent)]
    Images(#[from] ImagesError),

    /// What a person typed is the end of several images' paths.
    #[error("'{image}' may be any of {count} images: {}{}", candidates.join(", "), more(*count, candidates))]
    AmbiguousImage {
        /// What was typed.
        image: String,
        /// How many images it may be.
        count: usize,
        /// The first of them.
        candidates: Vec<String>,
    },

    /// What a person typed is no image.
    #[error(
        "'{image}' is neither a file nor an image of '{results}'; the nearest names there: {}",
        nearest.join(", ")
    )]
    UnknownImage {
        /// What was typed.
        image: String,
        /// The results.
        results: String,
        /// The paths that look most like it.
        nearest: Vec<String>,
    },

    /// A question needs principal components, and the run has none.
    #[error("'{results}' has no principal components: they need two images with features")]
    NoComponents {
        /// The results.
        results: String,
    },

    /// An image of the results could not be decoded.
    #[error("'{path}' has no features: {reason}")]
    ImageWithoutFeatures {
        /// The image.
        path: String,
        /// Why it has none.
        reason: String,
    },

    /// The weights that a run was given are not where they were.
    #[error("the weights of the run, '{weights}', are not there: name them with --weights FILE")]
    NoSuchWeights {
        /// What the run was given.
        weights: String,
    },

    /// There are no Parquet files to compare.
    #[error("no Parquet files in '{location}'")]
    NoParquet {
        /// The folder.
        location: String,
    },

    /// A column that is needed is not there.
    #[error("'{location}' has no column '{name}' {kind}: there are {}", columns.join(", "))]
    NoColumn {
        /// The folder.
        location: String,
        /// The column.
        name: String,
        /// What it should hold.
        kind: &'static str,
        /// The columns that are there, with their types.
        columns: Vec<String>,
    },

    /// Several columns may be the one that is looked for.
    #[error(
        "'{location}' has several columns that may be the {column}: {}; \
         name one with --{column}-column, or give the folder that is meant",
        candidates.join(", ")
    )]
    SeveralColumns {
        /// The folder.
        location: String,
        /// What is looked for.
        column: String,
        /// The columns and where they are.
        candidates: Vec<String>,
    },

    /// Two results have no column in common.
    #[error("nothing to compare: {here}; {there}")]
    NothingToCompare {
        /// What one has.
        here: String,
        /// What the other has.
        there: String,
    },
}

impl AnalysisError {
    /// Whether a location is wrong as it is written.
    pub fn is_misspelt(&self) -> bool {
        matches!(self, Self::Images(error) if error.is_misspelt())
    }
}

impl From<DataFusionError> for AnalysisError {
    fn from(error: DataFusionError) -> Self {
        Self::Script(error.into())
    }
}

fn more(count: usize, listed: &[String]) -> &'static str {
    if count > listed.len() { ", …" } else { "" }
}
