//! The errors of a network.

use pomona_mobilenet::network::WeightsError;
use pomona_weights::LoadError;
use thiserror::Error;

use crate::DeviceError;

/// Why a network cannot be loaded or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// No network has this name.
    #[error("no network is named '{name}': the networks are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of all networks.
        known: String,
    },

    /// The weights are not those of the network.
    #[error("these are no weights of {backbone}, in the names of {naming}: {reason}")]
    Weights {
        /// The network.
        backbone: &'static str,
        /// Whose names its tensors have.
        naming: &'static str,
        /// The tensor that is missing or wrong.
        reason: String,
    },

    /// The weights of MobileNetV2 cannot be used, or the instruction set of `POMONA_ISA`.
    #[error(transparent)]
    MobileNetV2(#[from] WeightsError),

    /// The weights cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),

    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),

    /// Candle cannot compute.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
