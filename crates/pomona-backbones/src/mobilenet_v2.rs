//! `mobilenet_v2`: the kernels of `pomona-mobilenet`.

use std::sync::Arc;

use pomona_mobilenet::network::{Backbone, MobileNetV2};
use pomona_weights::WeightsFile;

use crate::{BackboneError, BackboneFactory, Target, WeightsDeclaration};

/// Sandler et al. 2018, arXiv:1801.04381, at a width of 1.0 or less.
pub(crate) static MOBILENET_V2: MobileNetV2Factory = MobileNetV2Factory;

pub(crate) struct MobileNetV2Factory;

impl BackboneFactory for MobileNetV2Factory {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
    }

    fn feature_len(&self) -> usize {
        1280
    }

    fn weights(&self) -> WeightsDeclaration {
        WeightsDeclaration {
            option: "pomona.weights",
            sha256_option: "pomona.weights_sha256",
            repository: None,
            naming: "Hugging Face transformers, timm or torchvision",
        }
    }

    fn load(
        &self,
        file: &WeightsFile,
        target: &Target,
    ) -> Result<Arc<dyn Backbone>, BackboneError> {
        let weights = file.weights()?;
        let network = MobileNetV2::with_device(&weights, target.precision, &target.device)?;
        let (found, expected) = (network.feature_len(), self.feature_len());
        if found != expected {
            return Err(BackboneError::Weights {
                backbone: self.name(),
                naming: self.weights().naming,
                reason: format!(
                    "they return {found} features, not {expected} (width multiplier 1.0 or less)"
                ),
            });
        }
        Ok(Arc::new(network))
    }
}
