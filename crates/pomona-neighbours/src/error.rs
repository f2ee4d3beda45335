//! The errors of a search.

use thiserror::Error;

/// The error of a search.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NeighboursError {
    /// Vectors of different lengths have no cosine.
    #[error("vectors differ in length: {expected} and {found}")]
    Length {
        /// The length of the first.
        expected: usize,
        /// A length that differs.
        found: usize,
    },

    /// More vectors than positions can count.
    #[error("{0} vectors are more than 4294967295")]
    TooMany(usize),
}
