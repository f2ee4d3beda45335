//! What a run leaves, and how it is written so that no reader ever takes a half-written file for a
//! result.
//!
//! - [`layout`]: the names below an output.
//! - [`Output`]: staged files, and their publication; [`OutputLock`]: one writer at a time;
//!   [`Integrity`]: whether the files are those that were published.
//! - [`Manifest`]: what a finished run was given and made; [`FinishedRun`]: opens one.
//! - [`Checkpoint`], [`RowIndex`], [`ResultBuilder`]: rows that are there already, and a result put
//!   together from them and new ones.
//! - [`Listing`]: the images of a run, listed once.

mod attempts;
mod checkpoint;
mod conditional;
mod disk;
mod error;
mod feature_options;
mod file_size;
mod finished_run;
mod format_version;
mod formats;
mod integrity;
pub mod layout;
mod listing;
mod lock;
mod lock_place;
mod manifest;
mod model;
mod model_info;
mod moment;
mod output;
pub mod parquet_rows;
mod process;
mod publication;
mod publishing;
mod result_builder;
mod results_table;
mod row_index;
mod store_folder;

pub use checkpoint::Checkpoint;
pub use error::ResultsError;
pub use feature_options::FeatureOptions;
pub use file_size::{
    FEATURES_CSV_ROW_BYTES, FEATURES_ROW_BYTES, FileSize, PLAIN_ROW_BYTES, ROW_GROUP_BYTES,
};
pub use finished_run::FinishedRun;
pub use format_version::FormatVersion;
pub use formats::Formats;
pub use integrity::{Finding, Integrity};
pub use listing::{ListedImages, Listing};
pub use lock::OutputLock;
pub use manifest::{Counts, Manifest, Parameters, PublishedFile, StageTiming};
pub use model::read_model;
pub use model_info::ModelInfo;
pub use output::{Output, Prepared};
pub use result_builder::{BuiltRows, Pending, ResultBuilder};
pub use results_table::register_results_tables;
pub use row_index::RowIndex;
pub use store_folder::StoreFolder;
