//! MobileNetV2 features of encoded pictures: exact preprocessing, the network and its CPU kernels.

mod error;
mod extractor;
pub mod network;
pub mod preprocess;

pub use error::ImageError;
pub use extractor::FeatureExtractor;
