//! [`Backbone`]: the trait of every network from images to features.

use std::fmt::Debug;

use candle_core::Device;
use candle_nn::Module;

use super::classifier::Classifier;

/// A network with its weights, from images to features.
///
/// The input of its [`forward`](Module::forward) is `N x S x S x 3` u8 images, RGB, `S` being the
/// [`input_size`](Preprocessing::input_size) of its preprocessing, on its device; the
/// output is `N x feature_len` f32 there. Scaling the values of the pixels is part of the network, so
/// that every network reads the same bytes. On the CPU, an image has the same features in any batch.
pub trait Backbone: Module + Debug + Send + Sync {
    /// The name in SQL.
    fn name(&self) -> &'static str;

    /// How a decoded image becomes the input.
    fn preprocessing(&self) -> Preprocessing;

    /// The length of a feature vector.
    fn feature_len(&self) -> usize;

    /// The device of the images.
    fn device(&self) -> &Device;

    /// The layer from features to classes; `None` if the weights have no such head.
    fn classifier(&self) -> Option<&Classifier> {
        None
    }
}

/// How a decoded image becomes the input of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// The side of the square input in pixels.
    pub input_size: usize,
    /// How an image becomes that square.
    pub resize: Resize,
    /// The mean that the network subtracts from red, green and blue, which are from 0 to 1.
    pub mean: [f32; 3],
    /// The deviation by which the network divides them afterwards.
    pub deviation: [f32; 3],
}

/// How an image becomes a square, with Pillow's bicubic filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resize {
    /// Both sides to the input size, whatever their proportion: `Image.resize((S, S))`.
    Stretch,
    /// The shorter side to the input size over `crop`, rounded down, the longer one in proportion,
    /// and the middle square cut out: timm's and torchvision's transform.
    CenterCrop {
        /// How much of the resized shorter side the square is, above 0 and at most 1.
        crop: f64,
    },
}
