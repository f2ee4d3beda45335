//! Tensor names of the three public families of MobileNetV2 checkpoints.

use std::fmt::{self, Display, Formatter};

use super::architecture::Padding;

/// The naming scheme of a checkpoint's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameScheme {
    /// Hugging Face transformers, `google/mobilenet_v2_1.0_224`: converted from TensorFlow.
    HuggingFace,
    /// Ross Wightman's timm, `mobilenetv2_100`.
    Timm,
    /// `torchvision.models.mobilenet_v2`.
    Torchvision,
}

impl Display for NameScheme {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HuggingFace => "huggingface",
            Self::Timm => "timm",
            Self::Torchvision => "torchvision",
        })
    }
}

/// Names of one convolution and of its batch normalisation inside a file.
#[derive(Debug, Clone)]
pub(super) struct LayerNames {
    /// The convolution kernel, OIHW.
    pub kernel: String,
    /// Prefix of `weight`, `bias`, `running_mean` and `running_var`.
    pub normalization: String,
}

/// A convolution of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first 3x3 convolution.
    Stem,
    /// The 1x1 expansion of a block.
    Expand(usize),
    /// The depthwise 3x3 of a block.
    Depthwise(usize),
    /// The 1x1 projection of a block.
    Project(usize),
    /// The last 1x1 convolution.
    Last,
}

impl NameScheme {
    /// Recognises a scheme by the name of its first kernel.
    pub(super) fn detect<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        [Self::HuggingFace, Self::Timm, Self::Torchvision]
            .into_iter()
            .find(|scheme| {
                let stem = scheme.names(Place::Stem).kernel;
                names
                    .clone()
                    .any(|name| strip_prefix(name) == strip_prefix(&stem))
            })
    }

    /// Padding and batch-norm epsilon of the scheme's networks.
    pub fn conventions(self) -> (Padding, f64) {
        match self {
            Self::HuggingFace => (Padding::TensorFlowSame, 1e-3),
            Self::Timm | Self::Torchvision => (Padding::Symmetric, 1e-5),
        }
    }

    /// The prefix of the backbone's tensors in a file with a classifier.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::HuggingFace => "mobilenet_v2.",
            Self::Timm | Self::Torchvision => "",
        }
    }

    /// The names of a layer, without the optional `mobilenet_v2.` prefix.
    pub(super) fn names(self, place: Place) -> LayerNames {
        let (kernel, normalization) = match self {
            Self::HuggingFace => {
                let layer = match place {
                    Place::Stem => "conv_stem.first_conv".to_owned(),
                    Place::Depthwise(0) => "conv_stem.conv_3x3".to_owned(),
                    Place::Project(0) => "conv_stem.reduce_1x1".to_owned(),
                    Place::Expand(block) => format!("layer.{}.expand_1x1", block.wrapping_sub(1)),
                    Place::Depthwise(block) => format!("layer.{}.conv_3x3", block - 1),
                    Place::Project(block) => format!("layer.{}.reduce_1x1", block - 1),
                    Place::Last => "conv_1x1".to_owned(),
                };
                (
                    format!("{layer}.convolution.weight"),
                    format!("{layer}.normalization"),
                )
            }
            Self::Timm => match place {
                Place::Stem => ("conv_stem.weight".to_owned(), "bn1".to_owned()),
                Place::Last => ("conv_head.weight".to_owned(), "bn2".to_owned()),
                Place::Expand(block) => timm_block(block, "conv_pw", "bn1"),
                Place::Depthwise(0) => timm_block(0, "conv_dw", "bn1"),
                Place::Project(0) => timm_block(0, "conv_pw", "bn2"),
                Place::Depthwise(block) => timm_block(block, "conv_dw", "bn2"),
                Place::Project(block) => timm_block(block, "conv_pwl", "bn3"),
            },
            Self::Torchvision => match place {
                Place::Stem => ("features.0.0.weight".to_owned(), "features.0.1".to_owned()),
                Place::Last => (
                    "features.18.0.weight".to_owned(),
                    "features.18.1".to_owned(),
                ),
                Place::Expand(block) => torchvision_block(block, "0.0", "0.1"),
                Place::Depthwise(0) => torchvision_block(0, "0.0", "0.1"),
                Place::Project(0) => torchvision_block(0, "1", "2"),
                Place::Depthwise(block) => torchvision_block(block, "1.0", "1.1"),
                Place::Project(block) => torchvision_block(block, "2", "3"),
            },
        };
        LayerNames {
            kernel,
            normalization,
        }
    }

    /// Prefix of the classifier's `weight` and `bias`.
    pub(super) fn classifier(self) -> &'static str {
        match self {
            Self::HuggingFace | Self::Timm => "classifier",
            Self::Torchvision => "classifier.1",
        }
    }
}

/// Removes the prefix that transformers puts before the backbone of a model with a head.
pub(super) fn strip_prefix(name: &str) -> &str {
    name.strip_prefix("mobilenet_v2.").unwrap_or(name)
}

fn timm_block(block: usize, conv: &str, norm: &str) -> (String, String) {
    // Blocks of one resolution and width form a stage: 1, 2, 3, 4, 3, 3 and 1 of them.
    let mut index = block;
    let mut stage = 0;
    for repeats in [1, 2, 3, 4, 3, 3] {
        if index < repeats {
            break;
        }
        index -= repeats;
        stage += 1;
    }
    (
        format!("blocks.{stage}.{index}.{conv}.weight"),
        format!("blocks.{stage}.{index}.{norm}"),
    )
}

fn torchvision_block(block: usize, conv: &str, norm: &str) -> (String, String) {
    let block = block + 1;
    (
        format!("features.{block}.conv.{conv}.weight"),
        format!("features.{block}.conv.{norm}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timm_counts_blocks_within_stages() {
        let name = |block| NameScheme::Timm.names(Place::Project(block)).kernel;
        assert_eq!(name(0), "blocks.0.0.conv_pw.weight");
        assert_eq!(name(2), "blocks.1.1.conv_pwl.weight");
        assert_eq!(name(9), "blocks.3.3.conv_pwl.weight");
        assert_eq!(name(16), "blocks.6.0.conv_pwl.weight");
    }

    #[test]
    fn each_scheme_is_recognised_by_its_stem() {
        let detect = |name: &str| NameScheme::detect([name].into_iter());
        assert_eq!(
            detect("mobilenet_v2.conv_stem.first_conv.convolution.weight"),
            Some(NameScheme::HuggingFace)
        );
        assert_eq!(detect("conv_stem.weight"), Some(NameScheme::Timm));
        assert_eq!(detect("features.0.0.weight"), Some(NameScheme::Torchvision));
        assert_eq!(detect("encoder.weight"), None);
    }
}
