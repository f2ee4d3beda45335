//! The run: all stages, from a folder of images to its principal components.
//!
//! - [`Pipeline`]: runs the scripts of `sql/pipeline/` over the images that are not done yet, and
//!   publishes the results together.
//! - [`estimate`]: what a run will take and cost, from a sample of its images.

mod error;
pub mod estimate;
mod pipeline;
mod scripts;

pub use error::PipelineError;
pub use pipeline::{Outcome, Pipeline, PipelineOptions, Progress};
pub use scripts::SCRIPTS;
