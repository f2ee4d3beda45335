//! The list of networks.

use crate::dinov2_small::DINOV2_SMALL;
use crate::efficientnet_b0::EFFICIENTNET_B0;
use crate::mobilenet_v2::MOBILENET_V2;
use crate::mobilenetv4_conv_small::MOBILENETV4_CONV_SMALL;
use crate::resnet18::RESNET18;
use crate::{BackboneError, BackboneFactory};

/// Every network, in the order in which messages list them.
static BACKBONES: [&dyn BackboneFactory; 5] = [
    &MOBILENET_V2,
    &RESNET18,
    &EFFICIENTNET_B0,
    &MOBILENETV4_CONV_SMALL,
    &DINOV2_SMALL,
];

/// Every network that has a name.
pub fn backbones() -> &'static [&'static dyn BackboneFactory] {
    &BACKBONES
}

/// The network of a name.
///
/// # Errors
/// When no network has this name; the error lists all names.
pub fn backbone(name: &str) -> Result<&'static dyn BackboneFactory, BackboneError> {
    let mut all = backbones().iter().copied();
    all.find(|backbone| backbone.name() == name).ok_or_else(|| {
        let known: Vec<&str> = backbones().iter().map(|known| known.name()).collect();
        BackboneError::Unknown {
            name: name.to_string(),
            known: known.join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_unknown_lists_the_known() {
        for known in backbones() {
            assert_eq!(backbone(known.name()).unwrap(), *known);
        }
        let error = backbone("resnet19").unwrap_err().to_string();
        assert_eq!(
            error,
            "no network is named 'resnet19': the networks are mobilenet_v2, resnet18, efficientnet_b0, \
             mobilenetv4_conv_small, dinov2_small"
        );
    }

    #[test]
    fn whose_weights_have_no_repository_say_so_with_an_option_of_their_own() {
        for known in backbones() {
            let weights = known.weights();
            assert_eq!(
                weights.repository.is_none(),
                weights.option == "pomona.weights",
                "{known}"
            );
            assert_eq!(weights.sha256_option, format!("{}_sha256", weights.option));
        }
    }
}
