//! [`Backbone`]: the networks that have a name.

use std::fmt::{self, Display, Formatter};

use pomona_weights::Repository;

use crate::{BackboneError, Preparation};

/// The files of timm's repositories, the best first.
const FILES: &[&str] = &["model.safetensors", "pytorch_model.bin"];

/// A network with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backbone {
    /// He et al. 2015, arXiv:1512.03385.
    Resnet18,
    /// Tan and Le 2019, arXiv:1905.11946, with TensorFlow's padding.
    EfficientnetB0,
    /// Qin et al. 2024, arXiv:2404.10518.
    Mobilenetv4ConvSmall,
    /// Oquab et al. 2023, arXiv:2304.07193.
    Dinov2Small,
}

impl Backbone {
    /// Every network.
    pub const ALL: [Self; 4] = [
        Self::Resnet18,
        Self::EfficientnetB0,
        Self::Mobilenetv4ConvSmall,
        Self::Dinov2Small,
    ];

    /// The network of a name.
    ///
    /// # Errors
    /// When there is none; the error lists those that there are.
    pub fn parse(name: &str) -> Result<Self, BackboneError> {
        let mut all = Self::ALL.into_iter();
        all.find(|backbone| backbone.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|backbone| backbone.name()).collect();
            BackboneError::Unknown {
                name: name.to_string(),
                known: known.join(", "),
            }
        })
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::EfficientnetB0 => "efficientnet_b0",
            Self::Mobilenetv4ConvSmall => "mobilenetv4_conv_small",
            Self::Dinov2Small => "dinov2_small",
        }
    }

    /// Where its weights are.
    pub fn repository(self) -> Repository {
        Repository {
            owner: "timm",
            name: match self {
                Self::Resnet18 => "resnet18.a1_in1k",
                Self::EfficientnetB0 => "tf_efficientnet_b0.ns_jft_in1k",
                Self::Mobilenetv4ConvSmall => "mobilenetv4_conv_small.e2400_r224_in1k",
                Self::Dinov2Small => "vit_small_patch14_dinov2.lvd142m",
            },
            files: FILES,
        }
    }

    /// The length of its features.
    pub fn feature_len(self) -> usize {
        match self {
            Self::Resnet18 => 512,
            Self::EfficientnetB0 | Self::Mobilenetv4ConvSmall => 1280,
            Self::Dinov2Small => 384,
        }
    }

    /// What is made of a picture before it enters.
    pub fn preparation(self) -> Preparation {
        // timm's IMAGENET_DEFAULT_MEAN and IMAGENET_DEFAULT_STD.
        let (input_size, crop) = match self {
            Self::Resnet18 => (224, 0.95),
            Self::EfficientnetB0 | Self::Mobilenetv4ConvSmall => (224, 0.875),
            Self::Dinov2Small => (518, 1.0),
        };
        Preparation {
            input_size,
            crop,
            mean: [0.485, 0.456, 0.406],
            deviation: [0.229, 0.224, 0.225],
        }
    }
}

impl Display for Backbone {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_unknown_lists_the_known() {
        for backbone in Backbone::ALL {
            assert_eq!(Backbone::parse(backbone.name()).unwrap(), backbone);
        }
        let error = Backbone::parse("resnet19").unwrap_err().to_string();
        assert_eq!(
            error,
            "no network is named 'resnet19': there are resnet18, efficientnet_b0, \
             mobilenetv4_conv_small, dinov2_small"
        );
    }
}
