//! Questions to the results of runs.
//!
//! - [`Lookup`]: [`similar`], [`outliers`], [`suspects`], as SQL that is run here or by hand.
//! - [`Verification`]: results compared with others, of Pomona or of Spark and Keras.
//! - [`report`]: a finished run as a page to look at.

mod error;
mod lookup;
pub mod report;
mod scripts;
mod verify;

pub use error::AnalysisError;
pub use lookup::{Lookup, Similar, Suspects, Vectors, outliers, similar, suspects};
pub use pomona_report::Language;
pub use scripts::SCRIPTS;
pub use verify::{ColumnNames, Verification, VerifyOptions};
