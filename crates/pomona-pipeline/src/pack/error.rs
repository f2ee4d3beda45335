//! What can go wrong while images are packed.

use datafusion::error::DataFusionError;
use pomona_images::ImagesError;
use pomona_results::ResultsError;
use pomona_session::plain_message;
use thiserror::Error;

use crate::PipelineError;

/// The error of packing.
#[derive(Debug, Error)]
pub enum PackError {
    /// The images cannot be listed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),

    /// A location cannot be used.
    #[error(transparent)]
    Images(#[from] ImagesError),

    /// The output cannot be read or written.
    #[error(transparent)]
    Output(#[from] ResultsError),

    /// The images cannot be read.
    #[error("{}", plain_message(.0))]
    Read(#[from] DataFusionError),

    /// There is nothing to pack.
    #[error("no image found in '{input}'")]
    NoImages {
        /// Where they were looked for.
        input: String,
    },

    /// An image cannot be read, and a shard without it would look whole.
    #[error("{path} cannot be read, so nothing of its shard is written: {reason}")]
    Unreadable {
        /// The image.
        path: String,
        /// Why.
        reason: String,
    },

    /// An image is not as it was listed.
    #[error("{path} changed while it was packed: run the same command again")]
    Changed {
        /// The image's name in its shard.
        path: String,
    },

    /// Two images would have the same name.
    #[error("two images would be '{name}' in their shard: pack them from a folder that holds both")]
    SameName {
        /// The name.
        name: String,
    },

    /// A shard cannot be written.
    #[error("cannot write {shard}: {reason}")]
    Write {
        /// The shard.
        shard: String,
        /// Why.
        reason: String,
    },

    /// The record of an earlier call is damaged.
    #[error("{record} cannot be read: {reason}; choose another --output")]
    Record {
        /// The record.
        record: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The output holds what this command did not write.
    #[error(
        "'{output}' holds '{name}', which pomona pack did not write: choose an --output of its own"
    )]
    Stranger {
        /// The output.
        output: String,
        /// The first such file.
        name: String,
    },

    /// The output holds shards of other images, or of another size or kind.
    #[error(
        "'{output}' holds shards of '{input}' as it was, or of another --shard-size or --as: choose \
         another --output, or --overwrite them"
    )]
    OtherPlan {
        /// The output.
        output: String,
        /// What was packed there.
        input: String,
    },

    /// Shards would be written among the images.
    #[error(
        "--input '{input}' and --output '{output}' lie in each other: choose an output of its own"
    )]
    InputIsOutput {
        /// The input.
        input: String,
        /// The output.
        output: String,
    },
}

impl PackError {
    /// Whether the options are wrong as they are written.
    pub fn is_misspelt(&self) -> bool {
        match self {
            Self::Pipeline(error) => error.is_misspelt(),
            Self::Images(error) => error.is_misspelt(),
            Self::InputIsOutput { .. } => true,
            _ => false,
        }
    }
}
