//! [`Backbone`]: what every network that makes features of images is, whatever its layers.

use std::fmt::Debug;

use candle_core::Device;
use candle_nn::Module;

use super::classifier::Classifier;

/// A network with its weights that makes features of images.
///
/// Its [`forward`](Module::forward) takes `N x S x S x 3` u8 images, RGB, `S` being the
/// [`input_size`](Preprocessing::input_size) of its preprocessing, on its device, and returns
/// `N x feature_len` f32 there. What is done to the values of the pixels is part of the network,
/// so that every network takes the same bytes. An image has the same features alone and beside
/// others on the CPU.
pub trait Backbone: Module + Debug + Send + Sync {
    /// The name in SQL.
    fn name(&self) -> &'static str;

    /// What is made of a decoded image before it enters.
    fn preprocessing(&self) -> Preprocessing;

    /// The length of a feature vector.
    fn feature_len(&self) -> usize;

    /// Where images have to be.
    fn device(&self) -> &Device;

    /// What turns the features into classes; none where the weights have no head that is read.
    fn classifier(&self) -> Option<&Classifier> {
        None
    }
}

/// What a network wants made of a decoded image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// The side of the square that enters, in pixels.
    pub input_size: usize,
    /// How an image becomes that square.
    pub resize: Resize,
    /// Subtracted from red, green and blue, which go from 0 to 1; part of the network.
    pub mean: [f32; 3],
    /// What they are divided by afterwards; part of the network.
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
