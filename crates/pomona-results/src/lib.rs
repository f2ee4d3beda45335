//! What a run leaves, and how it is written so that no reader ever takes a half-written file for a
//! result.
//!
//! - [`layout`]: the names below an output.
//! - [`Output`]: staged files, and their publication; [`OutputLock`]: one writer at a time;
//!   [`Integrity`]: whether the files are those that were published.
//! - [`Manifest`]: what a finished run was given and made; [`FinishedRun`]: opens one.
//! - [`ListingStream`], [`Listing`]: the images of a run, listed once and sorted on a disk.
//! - [`ResultBuilder`], [`Pending`], [`Checkpoint`]: rows that are there already, what is left to
//!   compute, and a result put together from old rows and new ones.

mod attempts;
mod checkpoint;
mod comparison;
mod conditional;
mod disk;
mod dropped_rows;
mod error;
mod feature_options;
mod file_size;
mod finished_run;
mod format_version;
mod formats;
mod integrity;
mod known_rows;
pub mod layout;
mod listed_images;
mod listing;
mod lock;
mod lock_place;
mod made_folders;
mod manifest;
mod model;
mod model_info;
mod moment;
mod output;
pub mod parquet_rows;
mod pending;
mod process;
mod publication;
mod publishing;
mod result_builder;
mod results_table;
mod row_index;
mod spool;
mod store_folder;
mod stream_table;

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
pub use listed_images::ListedImages;
pub use listing::{ListedPlace, Listing, ListingStream};
pub use lock::OutputLock;
pub use made_folders::MadeFolders;
pub use manifest::{Counts, Manifest, Parameters, PublishedFile, StageTiming};
pub use model::read_model;
pub use model_info::ModelInfo;
pub use output::{Output, Prepared};
pub use pending::{Pending, PendingChunk, PendingChunks};
pub use result_builder::{BuiltRows, ResultBuilder};
pub use results_table::{read_results, register_results_tables, vector_length};
pub use store_folder::StoreFolder;
