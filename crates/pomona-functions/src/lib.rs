//! Pomona's SQL functions: Arrow in, MobileNetV2 and PCA, Arrow out.
//!
//! | function | kind | gives |
//! |---|---|---|
//! | [`mobilenet_v2(content)`](MobileNetV2Func) | scalar | `FixedSizeList<Float32, 1280>`; a bad image fails the query |
//! | [`try_mobilenet_v2(content)`](TryMobileNetV2Func) | scalar | the same; a bad image gives NULL |
//! | [`image_error(content)`](ImageErrorFunc) | scalar | `Utf8`: why an image cannot be decoded, NULL if it can |
//! | [`image_info(content)`](ImageInfoFunc) | scalar | `Struct(format, width, height, color)`, from the header |
//! | [`pca_fit(features, k)`](PcaFit) | aggregate | the model, a struct |
//! | [`pca_transform(features, model [, center])`](PcaTransformFunc) | scalar | `List<Float32>` of k |
//!
//! A function holds no state but its signature. Functions travel to other machines by name, so
//! what they need besides their arguments comes from the session's `pomona.*` options
//! ([`PomonaOptions`]), which travel with the plan.

mod columnar;
mod content;
mod error;
mod extract;
mod feature_rows;
mod image_error;
mod image_info;
mod mobilenet_v2;
mod model;
mod network;
mod options;
mod pca_fit;
mod pca_transform;
mod precision;
mod try_mobilenet_v2;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use error::FunctionError;
pub use image_error::ImageErrorFunc;
pub use image_info::ImageInfoFunc;
pub use mobilenet_v2::MobileNetV2Func;
pub use model::{model_from_scalar, model_type};
pub use network::{FEATURE_LEN, LoadedNetwork, network};
pub use options::PomonaOptions;
pub use pca_fit::PcaFit;
pub use pca_transform::PcaTransformFunc;
pub use precision::PrecisionOption;
pub use try_mobilenet_v2::TryMobileNetV2Func;

/// Every scalar function, to be registered in a session.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::from(MobileNetV2Func::new())),
        Arc::new(ScalarUDF::from(TryMobileNetV2Func::new())),
        Arc::new(ScalarUDF::from(ImageErrorFunc::new())),
        Arc::new(ScalarUDF::from(ImageInfoFunc::new())),
        Arc::new(ScalarUDF::from(PcaTransformFunc::new())),
    ]
}

/// Every aggregate function, to be registered in a session.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::from(PcaFit::new()))]
}
