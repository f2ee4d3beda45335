//! A run's report: plain data in, one self-contained HTML file out.
//!
//! - [`Report`]: what a report says, as plain data, shapes and units in the fields' documentation.
//! - [`Report::to_html`]: the page, in a [`Language`], with its charts, images, style and script
//!   in it. It refers to no other file and makes no request.
//!
//! The page is complete without its script, which adds images under the pointer and the selection of
//! labels. Paths, labels and reasons are untrusted text: `maud` escapes them, and a policy in the page
//! permits no script but the page's own.
//!
//! ```text
//! Report ── charts (SVG) ───────┐
//! Phrases (English, French) ────┼── page (sections) ──> HTML
//! Numbers (per language) ───────┘
//! ```

mod charts;
mod data_uri;
mod date;
mod language;
mod numbers;
mod page;
mod palette;
mod phrases;
mod points;
mod policy;
mod report;

pub use language::{Language, UnknownLanguage};
pub use report::{
    Class, Counts, Duplicates, Errors, Image, Outlier, Outliers, Pair, Parameters, Phase, Point,
    Reason, Report, Scatter, Thumbnail, Thumbnails, Variance, Versions,
};
