//! The errors between rows and a model; each message names a way out.

use thiserror::Error;

/// An error of this crate.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PcaError {
    /// A covariance divides by n - 1, so one row has none.
    #[error("a principal component analysis needs at least 2 rows, but there are {count}")]
    TooFewSamples {
        /// Rows accumulated.
        count: u64,
    },
    /// Rows without features.
    #[error(
        "the rows have no features: a principal component analysis needs vectors of at least 1"
    )]
    NoFeatures,
    /// scikit-learn's rule: at most `min(n_samples, n_features)` components.
    #[error(
        "{asked} components were asked for, but {rows} rows of {features} features have at most \
         {possible}: ask for {possible} or fewer ('at most {asked}' keeps as many as possible), or pass more \
         rows"
    )]
    TooManyComponents {
        /// Components requested.
        asked: usize,
        /// The largest number that is possible: `min(rows, features)`.
        possible: usize,
        /// Rows accumulated.
        rows: u64,
        /// Features in a row.
        features: usize,
    },
    /// A text that is no number of components.
    #[error(
        "{value} is not a number of components: give a whole number of at least 1 (how many to keep), \
         'at most' and such a number, or a fraction between 0 and 1, both excluded (the share of the \
         variance to keep)"
    )]
    InvalidComponents {
        /// The text.
        value: String,
    },
    /// A share of the variance, but every row is the same.
    #[error(
        "all {count} rows are the same, so there is no variance to keep a share of: ask for a \
         whole number of components, or look at where the features come from"
    )]
    NoVariance {
        /// Rows accumulated.
        count: u64,
    },
    /// Vectors, states or models of different lengths.
    #[error("expected {expected} features, found {found}")]
    DimensionMismatch {
        /// The dimension of the receiver.
        expected: usize,
        /// The dimension of the argument.
        found: usize,
    },
    /// A block of rows that does not end with the end of a row.
    #[error("{length} numbers are not a whole number of rows of {dimension} features")]
    RaggedRows {
        /// Numbers given.
        length: usize,
        /// Features in a row.
        dimension: usize,
    },
    /// A NaN or an infinity in a row.
    #[error(
        "feature {column} of row {row} of those given is {value} (both counted from 0): features must \
         be finite"
    )]
    NonFinite {
        /// The row within the rows given to [`update`](crate::Moments::update), from 0; only the caller
        /// knows which row of a table that is.
        row: usize,
        /// The feature within the row, from 0.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// Moments or a model that no rows can have.
    #[error("inconsistent {subject}: {reason}")]
    Inconsistent {
        /// What is inconsistent: the moments or the model.
        subject: &'static str,
        /// The condition that does not hold.
        reason: String,
    },
    /// The eigenvalue iteration did not converge.
    #[error("the eigenvalues of the {dimension} x {dimension} covariance did not converge")]
    NoConvergence {
        /// The order of the covariance.
        dimension: usize,
    },
}

impl PcaError {
    pub(crate) fn moments(reason: impl Into<String>) -> Self {
        Self::Inconsistent {
            subject: "moments",
            reason: reason.into(),
        }
    }

    pub(crate) fn model(reason: impl Into<String>) -> Self {
        Self::Inconsistent {
            subject: "model",
            reason: reason.into(),
        }
    }
}
