//! A run's report: what `pomona-report` writes, gathered from the run's tables.
//!
//! ```text
//! features, metadata, pca_model ── sql/report/*.sql ──> rows ──┐
//!                  compared images ── bounds, then cosines ──┼──> Gathered ── manifest ──> Report ──> report.html
//!            objects of some images ── decoded, made small ──┘
//! ```

mod assemble;
mod columns;
mod duplicates;
mod gather;
mod images;
mod jpeg;
mod tables;
mod thumbnails;
mod write;

pub use write::{replace_report, report_html, write_report};

pub use gather::{Gathered, gather};
pub use jpeg::{encode as encode_jpeg, thumbnail};

/// The most objects of a store that a run reads again for its report: each is a request, and one an
/// image is what a run costs.
pub const REREAD_OBJECTS: u64 = 50;

/// The name of the phase that writes it.
pub const STAGE: &str = "report";
