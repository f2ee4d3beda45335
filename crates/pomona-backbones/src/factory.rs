//! [`BackboneFactory`]: what is known of a network without its weights, and how they are loaded.

use std::fmt::{self, Debug, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use candle_core::Device;
use pomona_mobilenet::network::{Backbone, Precision};
use pomona_weights::{Repository, WeightsFile};

use crate::BackboneError;

/// A network that has a name. Two are equal if their names are.
pub trait BackboneFactory: Sync {
    /// The name in SQL.
    fn name(&self) -> &'static str;

    /// The length of its features.
    fn feature_len(&self) -> usize;

    /// Where its weights come from, and what their tensors are called.
    fn weights(&self) -> WeightsDeclaration;

    /// The network with the weights of a file, whatever type they have there.
    ///
    /// # Errors
    /// When the file is damaged, when a tensor is missing or has another shape, and when the target
    /// cannot be used.
    fn load(&self, file: &WeightsFile, target: &Target)
    -> Result<Arc<dyn Backbone>, BackboneError>;
}

/// The weights of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightsDeclaration {
    /// The session option that names the weights.
    pub option: &'static str,
    /// The session option that pins the sha256 of the weights.
    pub sha256_option: &'static str,
    /// The default of the option; `None` if it must be set.
    pub repository: Option<Repository>,
    /// Whose names the tensors have.
    pub naming: &'static str,
}

/// The precision and device that a network is loaded for.
#[derive(Debug, Clone)]
pub struct Target {
    /// The precision of the dense convolutions; f32 alone but for `mobilenet_v2`.
    pub precision: Precision,
    /// The device of the images.
    pub device: Device,
}

impl Default for Target {
    /// f32 on the CPU.
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            device: Device::Cpu,
        }
    }
}

impl PartialEq for dyn BackboneFactory {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn BackboneFactory {}

impl Hash for dyn BackboneFactory {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Debug for dyn BackboneFactory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for dyn BackboneFactory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
