//! The network: weights, the Candle reference and the fast CPU path.
//!
//! [`Weights`] reads a safetensors file and works out its [`Architecture`]; [`MobileNetV2`] packs
//! the weights for the processor's instruction set and computes features; [`Reference`] is the
//! same network in plain Candle layers, for other devices and for tests.
//!
//! ```text
//! safetensors -> Weights -> fold batch norms -> pack -> MobileNetV2 (shared)
//!                                                         + Scratch (one a thread)
//! N x 224 x 224 x 3 u8 -> stem -> 17 blocks -> 1x1 -> average -> N x 1280 f32
//!                                                            -> Classifier -> N x classes f32
//! ```

pub mod architecture;
pub mod layers;

mod aligned;
mod backbone;
mod classifier;
mod folding;
mod forward;
mod fruits;
mod inspection;
mod labels;
mod metadata;
mod mobilenet;
mod module;
mod names;
mod plan;
mod random;
mod reference;
mod save;
mod scratch;
mod weights;
mod weights_error;

pub use pomona_kernels::{Isa, IsaError, Precision};

pub use architecture::Architecture;
pub use backbone::{Backbone, Preprocessing, Resize};
pub use classifier::Classifier;
pub use inspection::Inspection;
pub use labels::LabelSource;
pub use mobilenet::MobileNetV2;
pub use names::NameScheme;
pub use reference::{Reference, Stages};
pub use save::{SaveOptions, StoredType};
pub use weights::Weights;
pub use weights_error::WeightsError;
