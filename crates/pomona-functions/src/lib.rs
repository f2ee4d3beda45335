//! Pomona's SQL functions: Arrow in, MobileNetV2, PCA and neighbours, Arrow out.
//!
//! | function | kind | gives |
//! |---|---|---|
//! | [`mobilenet_v2(content)`](MobileNetV2Func) | scalar | `List<Float32>` of 1280; a bad image fails the query |
//! | [`try_mobilenet_v2(content)`](MobileNetV2Func) | scalar | the same; a bad image gives NULL |
//! | [`classify_image(content [, top])`](ClassifyImageFunc) | scalar | `List<Struct(label, score)>`, the best first; a bad image fails the query |
//! | [`try_classify_image(content [, top])`](ClassifyImageFunc) | scalar | the same; a bad image gives NULL |
//! | [`classify_features(features [, top])`](ClassifyFeaturesFunc) | scalar | the same, from features that are there |
//! | [`image_features(content, network)`](ImageFeaturesFunc) | scalar | `List<Float32>` of a network by name; a bad image fails the query |
//! | [`try_image_features(content, network)`](ImageFeaturesFunc) | scalar | the same; a bad image gives NULL |
//! | [`image_error(content)`](ImageErrorFunc) | scalar | `Utf8`: why an image cannot be decoded, NULL if it can |
//! | [`image_info(content)`](ImageInfoFunc) | scalar | `Struct(format, width, height, color)`, from the header |
//! | [`pca_fit(features, k)`](PcaFit) | aggregate | the model, a struct |
//! | [`pca_moments(features)`](PcaMoments) | aggregate | what a PCA needs of the rows, a struct |
//! | [`pca_merge(moments)`](PcaMerge) | aggregate | the moments of all their rows |
//! | [`pca_subtract(a, b)`](PcaSubtractFunc) | scalar | the moments of the rows of a without those of b |
//! | [`pca_solve(moments, k)`](PcaSolveFunc) | scalar | the model that `pca_fit` returns |
//! | [`pca_transform(features, model [, center])`](PcaTransformFunc) | scalar | `List<Float32>` of k, or `List<Float64>` |
//! | [`nearest(vector, among, k)`](NearestFunc) | scalar | `List<Struct(position, similarity)>` of k |
//! | [`vector_to_array(vector)`](VectorToArrayFunc) | scalar | `List<Float64>` of a vector of Spark ML |
//! | [`to_json(value)`](ToJsonFunc) | scalar | `Utf8`: any value as JSON |
//! | [`url_decode(text)`](UrlDecodeFunc) | scalar | `Utf8` without `%XX` sequences |
//!
//! Functions that decode images or run a network are [`ImageFunc`]s, each an [`ImageFunction`]. They run
//! below a [`DecodeExec`], which the rule [`DecodeApart`] puts into plans: it knows the memory of the
//! task and whether the rows are still wanted.
//!
//! A function holds no state but its signature. Functions travel to other machines by name, so
//! what they need besides their arguments comes from the session's `pomona.*` options
//! ([`PomonaOptions`]), which travel with the plan.

mod backbone_weights;
mod backbones;
mod bad_images;
mod cache;
mod classes;
mod classify_features;
mod classify_image;
mod columnar;
mod content;
mod decoding;
mod device_option;
mod error;
mod extract;
mod feature_rows;
mod gathered;
mod image_error;
mod image_features;
mod image_function;
mod image_info;
mod mobilenet_v2;
mod model;
mod moments;
mod nearest;
mod network;
mod number_of_components;
mod objects;
mod options;
mod pca_aggregate;
mod pca_fit;
mod pca_merge;
mod pca_moments;
mod pca_solve;
mod pca_subtract;
mod pca_transform;
mod pins;
mod to_json;
mod url_decode;
mod vector_to_array;
mod word_options;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, ScalarUDFImpl};

pub use backbones::Network;
pub use bad_images::bad_images;
pub use classify_features::ClassifyFeaturesFunc;
pub use classify_image::ClassifyImageFunc;
pub use decoding::{DecodeApart, DecodeExec, Turns};
pub use device_option::DeviceOption;
pub use error::FunctionError;
pub use image_error::ImageErrorFunc;
pub use image_features::ImageFeaturesFunc;
pub use image_function::{BadImage, ImageFunc, ImageFunction};
pub use image_info::ImageInfoFunc;
pub use mobilenet_v2::MobileNetV2Func;
pub use model::{model_from_scalar, model_type};
pub use moments::moments_type;
pub use nearest::NearestFunc;
pub use network::{FEATURE_LEN, LoadedNetwork, network};
pub use objects::Objects;
pub use options::{DEFAULT_WEIGHTS, PomonaOptionValues, PomonaOptions};
pub use pca_aggregate::PcaAggregate;
pub use pca_fit::PcaFit;
pub use pca_merge::PcaMerge;
pub use pca_moments::PcaMoments;
pub use pca_solve::PcaSolveFunc;
pub use pca_subtract::PcaSubtractFunc;
pub use pca_transform::PcaTransformFunc;
pub use pins::pins;
pub use to_json::{ToJsonFunc, json_text};
pub use url_decode::UrlDecodeFunc;
pub use vector_to_array::VectorToArrayFunc;
pub use word_options::{ExifOrientationOption, PrecisionOption, TruncatedOption};

/// Every scalar function, to be registered in a session whose object stores are `objects`.
pub fn scalar_functions(objects: &Objects) -> Vec<Arc<ScalarUDF>> {
    use BadImage::{Fails, IsNull};
    let objects = || objects.clone();
    vec![
        scalar(ImageFunc::new(MobileNetV2Func(Fails), objects())),
        scalar(ImageFunc::new(MobileNetV2Func(IsNull), objects())),
        scalar(ImageFunc::new(ClassifyImageFunc(Fails), objects())),
        scalar(ImageFunc::new(ClassifyImageFunc(IsNull), objects())),
        scalar(ImageFunc::new(ClassifyFeaturesFunc, objects())),
        scalar(ImageFunc::new(ImageFeaturesFunc(Fails), objects())),
        scalar(ImageFunc::new(ImageFeaturesFunc(IsNull), objects())),
        scalar(ImageFunc::new(ImageErrorFunc, objects())),
        scalar(ImageInfoFunc::new()),
        scalar(PcaSolveFunc::new()),
        scalar(PcaSubtractFunc::new()),
        scalar(PcaTransformFunc::new()),
        scalar(NearestFunc::new()),
        scalar(ToJsonFunc::new()),
        scalar(UrlDecodeFunc::new()),
        scalar(VectorToArrayFunc::new()),
    ]
}

fn scalar(function: impl ScalarUDFImpl + 'static) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(function))
}

/// Every aggregate function, to be registered in a session.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        Arc::new(AggregateUDF::from(PcaFit::new())),
        Arc::new(AggregateUDF::from(PcaMoments::new())),
        Arc::new(AggregateUDF::from(PcaMerge::new())),
    ]
}
