//! The networks that make features of images, by name: a registry, and one file a network.
//!
//! | name | features | input | weights |
//! |---|---|---|---|
//! | `mobilenet_v2` | 1280 | as the weights say | `pomona.weights` |
//! | `resnet18` | 512 | 224, crop 0.95 | `timm/resnet18.a1_in1k` |
//! | `efficientnet_b0` | 1280 | 224, crop 0.875 | `timm/tf_efficientnet_b0.ns_jft_in1k` |
//! | `mobilenetv4_conv_small` | 1280 | 224, crop 0.875 | `timm/mobilenetv4_conv_small.e2400_r224_in1k` |
//! | `dinov2_small` | 384 | 518, whole | `timm/vit_small_patch14_dinov2.lvd142m` |
//!
//! [`backbones`] lists a [`BackboneFactory`] a network, which says what weights it reads and loads
//! them into a [`Backbone`]. To add a network, write a file with its factory and name it in
//! `registry.rs`.
//!
//! Features are those of timm's `create_model(…, num_classes=0)` after timm's own transform: the
//! shorter side resized to the input size over the crop with Pillow's bicubic filter, the middle
//! cut out, values over 255, less the mean, over the deviation. They are what these networks'
//! classifiers read, and for DINOv2 the class token. On the CPU they agree to 1e-5 of the largest
//! feature. On other devices Candle's models run, which approximate DINOv2's GELU by its tanh form:
//! there to 2e-4.
//!
//! No Arrow, no DataFusion.

mod device_name;
mod dinov2_small;
mod efficientnet_b0;
mod error;
mod factory;
mod mobilenet_v2;
mod mobilenetv4_conv_small;
mod registry;
mod resnet18;
mod timm;

pub use device_name::{DeviceError, DeviceName};
pub use error::BackboneError;
pub use factory::{BackboneFactory, Target, WeightsDeclaration};
pub use pomona_mobilenet::network::{Backbone, Preprocessing, Resize};
pub use registry::{backbone, backbones};
