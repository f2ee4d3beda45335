//! What can go wrong with another network.

use pomona_weights::LoadError;
use thiserror::Error;

use crate::Backbone;

/// Why a network cannot be had or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// No network has this name.
    #[error("no network is named '{name}': there are {known}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// Every name that there is.
        known: String,
    },

    /// The weights are not those of the network.
    #[error("these are no weights of {backbone}, in the names of timm: {reason}")]
    Weights {
        /// The network.
        backbone: Backbone,
        /// The tensor that is missing or wrong.
        reason: String,
    },

    /// The weights cannot be had.
    #[error(transparent)]
    Load(#[from] LoadError),

    /// Candle cannot compute.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
