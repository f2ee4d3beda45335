//! Runs a plan: the scripts of `sql/` with parameters, one by one or as the whole pipeline.
//!
//! - [`Script`]: a file of SQL statements, built in or from the user, with `${name}` variables.
//! - [`Pipeline`]: all stages from a folder of pictures to its principal components, published
//!   when complete.
//! - [`report_html`]: a finished run as a page to look at.

mod assembly;
mod checkpoint;
mod error;
mod ledger;
mod listing;
mod location;
mod manifest;
mod model;
mod model_info;
mod output;
mod parquet_rows;
mod pipeline;
mod report;
mod script;
mod variables;
mod watch;

pub use error::DriverError;
pub use location::Location;
pub use manifest::{Counts, Manifest, StageTiming};
pub use model_info::ModelInfo;
pub use output::MANIFEST;
pub use pipeline::{Outcome, Pipeline, PipelineOptions, Progress};
pub use pomona_report::Language;
pub use report::{REPORT, report_html, write_report};
pub use script::Script;
pub use variables::Variables;
