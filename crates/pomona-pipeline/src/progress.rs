//! [`Progress`]: what a run reports while it runs.

use pomona_results::StageTiming;

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Something happened that a person should know.
    Note {
        /// What, in a sentence.
        message: String,
    },
    /// The images have been counted.
    Found {
        /// The number of images.
        images: u64,
    },
    /// A stage begins.
    Started {
        /// The stage's name.
        stage: String,
        /// The number of images that it will handle.
        images: u64,
    },
    /// The stage is going on; this comes several times a second, counted and never estimated.
    Advanced {
        /// The number of images that the stage has handled so far.
        images: u64,
    },
    /// A stage is complete.
    Finished {
        /// The stage and its time.
        stage: StageTiming,
        /// The number of images that it handled.
        images: u64,
    },
    /// Something went wrong that the results can do without.
    Warned {
        /// What went wrong, and the way out.
        message: String,
    },
}
