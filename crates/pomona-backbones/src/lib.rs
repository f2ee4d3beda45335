//! Image features of other networks than MobileNetV2, by name, over Candle's own models.
//!
//! | name | features | input | weights |
//! |---|---|---|---|
//! | `resnet18` | 512 | 224, crop 0.95 | `timm/resnet18.a1_in1k` |
//! | `efficientnet_b0` | 1280 | 224, crop 0.875 | `timm/tf_efficientnet_b0.ns_jft_in1k` |
//! | `mobilenetv4_conv_small` | 1280 | 224, crop 0.875 | `timm/mobilenetv4_conv_small.e2400_r224_in1k` |
//! | `dinov2_small` | 384 | 518, whole | `timm/vit_small_patch14_dinov2.lvd142m` |
//!
//! Features are those of timm's `create_model(…, num_classes=0)` after timm's own transform: the
//! shorter side resized to the input size over the crop with Pillow's bicubic filter, the middle
//! cut out, values over 255, less the mean, over the deviation. They are what these networks'
//! classifiers read, and for DINOv2 the class token. They agree to 1e-6 of the largest feature, but
//! for DINOv2, whose GELU Candle approximates by its tanh form: there to 2e-4.
//!
//! This is the way out for whom MobileNetV2 is not enough, not the fast path: one picture at a
//! time runs through Candle's general layers, which take threads of their own.
//!
//! No Arrow, no DataFusion.

mod backbone;
mod error;
mod model;
mod names;
mod preparation;

pub use backbone::Backbone;
pub use error::BackboneError;
pub use model::Model;
pub use preparation::{Preparation, Preparer};
