//! What can go wrong during a run or its estimate.

use datafusion::error::DataFusionError;
use pomona_analysis::AnalysisError;
use pomona_images::ImagesError;
use pomona_pca::PcaError;
use pomona_results::ResultsError;
use pomona_session::ScriptError;
use thiserror::Error;

/// The error of a run or an estimate.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// SQL failed.
    #[error(transparent)]
    Script(#[from] ScriptError),

    /// The results cannot be read or written.
    #[error(transparent)]
    Results(#[from] ResultsError),

    /// The report cannot be made.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),

    /// A location cannot be used, or its objects cannot be listed.
    #[error(transparent)]
    Images(#[from] ImagesError),

    /// The filter is a condition, but not one on images.
    #[error("the filter '{filter}' is no condition on the columns of images: {reason}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A column of paths is named, and no file has it.
    #[error(
        "'{input}' is no CSV or Parquet file that lists images, so it has no column '{column}': leave \
         --path-column out, or name the file with --input"
    )]
    NoListing {
        /// Where the images are.
        input: String,
        /// The column.
        column: String,
    },

    /// There is nothing to do.
    #[error(
        "no image found in '{input}'{}: images are files ending in jpg, jpeg, jpe, jfif, png, webp, bmp, gif, tif or tiff",
        filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default()
    )]
    NoImages {
        /// The folder that was searched.
        input: String,
        /// The filter that was applied, if any.
        filter: Option<String>,
    },

    /// No image could be decoded.
    #[error("none of the {images} images in '{input}' can be decoded; the first reason: {reason}")]
    AllImagesBad {
        /// The folder that was read.
        input: String,
        /// The number of images.
        images: u64,
        /// The reason for the first of them.
        reason: String,
    },

    /// No image of a sample could be decoded.
    #[error(
        "none of {images} images taken from '{input}' can be decoded, so there is nothing to \
         estimate: SELECT image_error(content) returns the reason"
    )]
    SampleBad {
        /// The folder that was read.
        input: String,
        /// The number of images that were taken.
        images: u64,
    },

    /// The output holds features without the columns that this version writes.
    #[error(
        "'{output}' holds a finished run of Pomona {pomona}, whose features lack columns that this \
         version writes: choose another --output, or pass --overwrite. Its rows can be read as they are"
    )]
    EarlierFormat {
        /// The output.
        output: String,
        /// The version of Pomona that wrote it.
        pomona: String,
    },

    /// The output holds features of another network.
    #[error(
        "'{output}' holds a finished run of other weights (sha256 {before}, now {now}): \
         choose another --output, or pass --overwrite"
    )]
    WeightsDiffer {
        /// The output.
        output: String,
        /// The sha256 of the weights of the finished run.
        before: String,
        /// That of the weights given now.
        now: String,
    },

    /// The output holds features of other options.
    #[error(
        "'{output}' holds a finished run of other options ({before}; now {now}): \
         choose another --output, or pass --overwrite"
    )]
    OptionsDiffer {
        /// The output.
        output: String,
        /// The options of the finished run.
        before: String,
        /// Those given now.
        now: String,
    },

    /// The output holds the results of another folder of images.
    #[error(
        "'{output}' holds results of other images: its run read '{before}', and none of its \
         {images} images lies below '{now}'. If the images were moved, start anew with \
         --overwrite; else choose another --output"
    )]
    OtherInput {
        /// The output.
        output: String,
        /// The input of the finished run.
        before: String,
        /// The input that was given now.
        now: String,
        /// The images of the finished run.
        images: u64,
    },

    /// Results would be written among the images, or images read from among results.
    #[error(
        "--input '{input}' and --output '{output}' are {relation}: results among images would be \
         taken for images, so choose an output of its own"
    )]
    InputIsOutput {
        /// The input.
        input: String,
        /// The output.
        output: String,
        /// How they lie.
        relation: &'static str,
    },

    /// The model cannot be fitted on so few images, which is known before any is read.
    #[error(transparent)]
    Pca(#[from] PcaError),

    /// A table of prices cannot be used.
    #[error("{file}: {reason}")]
    Prices {
        /// The table's file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The table of prices has no such type of node.
    #[error(
        "no node type '{name}' in the table of prices{}: it has {known}; \
         others can be added to a file for --prices",
        nearest.as_ref().map(|nearest| format!("; did you mean '{nearest}'?")).unwrap_or_default()
    )]
    UnknownNodeType {
        /// What was asked for.
        name: String,
        /// The name that is nearest.
        nearest: Option<String>,
        /// All names.
        known: String,
    },
}

impl PipelineError {
    /// Whether the options are wrong as they are written: another input or output would not help.
    pub fn is_misspelt(&self) -> bool {
        match self {
            Self::Script(error) => error.is_misspelt(),
            Self::Images(error) => error.is_misspelt(),
            Self::Filter { .. }
            | Self::NoListing { .. }
            | Self::InputIsOutput { .. }
            | Self::UnknownNodeType { .. } => true,
            _ => false,
        }
    }
}

impl From<DataFusionError> for PipelineError {
    fn from(error: DataFusionError) -> Self {
        Self::Script(error.into())
    }
}
