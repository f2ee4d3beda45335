//! The commands `pomona` and `pomona-driver`: arguments, printing, exit codes.

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
mod pack;
mod pomona;
mod progress;
mod report;
mod rows;
mod run;
mod run_page;
mod session;
mod sql;
mod terminal;
mod threads;
mod timings;
mod verify;
mod weights;

pub use driver::pomona_driver;
pub use pomona::pomona;
