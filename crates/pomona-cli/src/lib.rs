//! The commands `pomona` and `pomona-driver`: arguments, printing, exit codes.
//!
//! The Python package has the commands too, and opens sessions, runs the pipeline and words errors as they
//! do, by what is public here.

mod arguments;
mod bytes;
mod cluster;
mod cluster_arguments;
mod color;
#[cfg(test)]
mod command_line_rules;
mod completions;
mod config;
mod decode_arguments;
mod demo;
mod driver;
mod estimate;
mod exit;
mod fetch_progress;
mod format;
mod fruit;
mod interrupt;
mod logging;
mod lookup;
mod metrics_file;
mod network_arguments;
mod pack;
mod pomona;
mod progress;
mod report;
mod rows;
mod run;
mod run_options;
mod run_page;
mod session;
mod settings_of_programs;
mod sql;
mod terminal;
mod threads;
mod timings;
mod verify;
mod weights;

pub use bytes::parse_bytes;
pub use driver::pomona_driver;
pub use exit::{UsageError, error_message, is_usage_error};
pub use logging::start_log;
pub use network_arguments::NetworkArguments;
pub use pomona::pomona;
pub use rows::table_text;
pub use run_options::{RunOption, RunOptions, Takes};
pub use session::{SessionOptions, open_context};
pub use settings_of_programs::{GivenOptions, session_of_settings};
pub use threads::{MIN_STACK, STACK_BYTES, set_command_line, set_large_stacks};
