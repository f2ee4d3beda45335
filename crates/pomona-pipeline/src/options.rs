//! What a run is given, and what it came to.

use pomona_images::Location;
use pomona_pca::Components;
use pomona_report::Language;
use pomona_results::{FileSize, Formats, Manifest};

/// The components that are kept unless somebody says otherwise.
pub const DEFAULT_COMPONENTS: Components = Components::AtMost(50);

/// What a run is given.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The folder of images: a path or a URL.
    pub input: String,
    /// The column of paths, where the input is a CSV or Parquet file that lists images; `path` or `url`
    /// of a CSV file if `None`.
    pub path_column: Option<String>,
    /// Where the results go.
    pub output: Location,
    /// How many components to keep; [`DEFAULT_COMPONENTS`] unless somebody says otherwise.
    pub components: Components,
    /// A condition on `path`, `label`, `length` or `modification_time`, in SQL.
    pub filter: Option<String>,
    /// The largest number of images, in the order of their paths.
    pub limit: Option<u64>,
    /// Whether to start from nothing, whatever the output holds.
    pub overwrite: bool,
    /// Whether rows of images that are no longer there are dropped.
    pub prune: bool,
    /// Images between checkpoints: what a crash loses at most. At least 1.
    pub checkpoint: usize,
    /// Whether to take the output from a run that holds it.
    pub force_unlock: bool,
    /// The formats that are asked for; the usual ones if `None`.
    pub format: Option<Formats>,
    /// The size that files of rows aim at.
    pub file_size: FileSize,
    /// The language of the report; `None` for no report.
    pub report: Option<Language>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The manifest; where nothing has changed that of the finished run, but for the counts of
    /// reused and computed images.
    pub manifest: Manifest,
    /// Whether anything has been published.
    pub changed: bool,
}
