//! MobileNetV2 features of encoded images: exact preprocessing, the network and its CPU kernels.

mod error;
mod extractor;
pub mod network;
mod preparation;
pub mod preprocess;

pub use error::ImageError;
pub use extractor::FeatureExtractor;
pub use preparation::Preparer;
