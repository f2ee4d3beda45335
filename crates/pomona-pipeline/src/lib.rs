//! The run: all stages, from a folder of images to its principal components.
//!
//! - [`Pipeline`]: runs the scripts of `sql/pipeline/` over the images that are not done yet, and
//!   publishes the results together.
//! - [`estimate`]: what a run will take and cost, from a sample of its images.
//! - [`pack`]: images as shards.

mod checks;
mod chunks;
mod error;
pub mod estimate;
mod options;
pub mod pack;
mod pipeline;
mod progress;
mod report_beside;
mod scripts;
mod stages;

pub use error::PipelineError;
pub use options::{DEFAULT_COMPONENTS, Outcome, PipelineOptions};
pub use pipeline::Pipeline;
pub use progress::Progress;
pub use scripts::SCRIPTS;
