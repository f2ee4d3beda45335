//! MobileNetV2 features of encoded pictures: exact preprocessing, the network and its CPU kernels.

pub mod network;
pub mod preprocess;
