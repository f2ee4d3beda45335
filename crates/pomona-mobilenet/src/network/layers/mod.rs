//! Networks other than MobileNetV2 over the same kernels: what their files are written in.
//!
//! A network of convolutions is written with a [`Builder`], a method a layer, and a vision transformer
//! is one [`TransformerWeights`]. Both become a [`PackedNetwork`]: one operation of Candle's on the
//! thread that calls it, over weights in the order of the kernels and buffers that belong to the
//! thread.
//!
//! ```text
//! tensors -> Parameters -> Affine (batch norm folded) -> Builder -> PackedNetwork (shared)
//!                                                                     + Buffers (one a thread)
//! N x S x S x 3 u8 -> values -> layers of one image -> layers of up to eight -> N x features f32
//! ```
//!
//! Activations are planes of sixteen channels with a border of zeros as wide as the layers that
//! read them need, so that no kernel knows of padding. In all of them f32 is multiplied and added;
//! there is no bf16, and AMX is not used.

mod affine;
mod buffers;
mod builder;
mod expansion;
mod forward;
mod image;
mod layer;
mod packed;
mod parameters;
mod plan;
mod planes;
mod tokens;
mod transformer;

pub use affine::Affine;
pub use builder::{Builder, Padding, Value, Window};
pub use image::Normalization;
pub use packed::PackedNetwork;
pub use parameters::Parameters;
pub use pomona_kernels::Activation;
pub use transformer::{TransformerBlock, TransformerWeights};
