//! Runs a plan: the scripts of `sql/` with parameters, one by one or as the whole pipeline.
//!
//! - [`Script`]: a file of SQL statements, built in or from the user, with `${name}` variables.
//! - [`Pipeline`]: all stages from a folder of pictures to its principal components, published
//!   when complete.
//! - [`Lookup`]: a question to the results of a run: [`similar`], [`outliers`], [`suspects`].
//! - [`Verification`]: results compared with others, of Pomona or of Spark and Keras.
//! - [`ClusterArguments`], [`open_session`]: where all that runs.
//! - [`report_html`]: a finished run as a page to look at.

mod assembly;
mod checkpoint;
mod cluster_arguments;
mod demo;
mod error;
pub mod estimate;
mod file_size;
mod formats;
mod interrupt;
mod ledger;
mod listing;
mod lock;
mod lookup;
mod manifest;
mod model;
mod model_info;
mod output;
mod parquet_rows;
mod pipeline;
mod process;
mod report;
mod runtime;
mod script;
mod sql_text;
mod statements;
mod store_folder;
mod variables;
mod verify;
mod watch;

pub use cluster_arguments::{ClusterArguments, TlsArguments, open_session};
pub use demo::draw_fruit;
pub use error::DriverError;
pub use file_size::FileSize;
pub use formats::Formats;
pub use interrupt::{INTERRUPTED, exit_on_interrupt, first_interrupt, interruptible};
pub use lookup::{Lookup, Results, Similar, Suspects, Vectors, outliers, similar, suspects};
pub use manifest::{Counts, Manifest, StageTiming};
pub use model_info::ModelInfo;
pub use output::MANIFEST;
pub use pipeline::{Outcome, Pipeline, PipelineOptions, Progress};
pub use pomona_images::Location;
pub use pomona_report::Language;
pub use report::{REPORT, replace_report, report_html, write_report};
pub use runtime::on_large_stack;
pub use script::Script;
pub use variables::Variables;
pub use verify::{ColumnNames, Verification, VerifyOptions};
