//! [`Report`]: the content of a report as plain data.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The content of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's identifier.
    pub run: String,
    /// When the run finished.
    pub finished: DateTime<Utc>,
    /// The parameters of the run.
    pub parameters: Parameters,
    /// The versions of the programs.
    pub versions: Versions,
    /// The number of images by their outcome.
    pub counts: Counts,
    /// The phases in their order.
    pub phases: Vec<Phase>,
    /// The spectrum of the features.
    pub variance: Variance,
    /// Images along the first two components.
    pub scatter: Scatter,
    /// The labels, most images first.
    pub classes: Vec<Class>,
    /// The images without features.
    pub errors: Errors,
    /// The images that the kept components describe worst.
    pub outliers: Outliers,
    /// Images that are almost alike.
    pub duplicates: Duplicates,
    /// The images that the parts above name by their position here.
    pub images: Vec<Image>,
    /// The number of thumbnails that were requested and made.
    pub thumbnails: Thumbnails,
}

/// The parameters of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The folder of images.
    pub input: String,
    /// Where the results are.
    pub output: String,
    /// The number of components, or the share of the variance, as requested.
    pub components: String,
    /// The condition on the images, in SQL.
    pub filter: Option<String>,
    /// The largest number of images.
    pub limit: Option<u64>,
    /// The weights as they were named.
    pub weights: String,
    /// The sha256 of the weights' file, in hexadecimal digits.
    pub weights_sha256: String,
}

/// The versions of the programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version of Pomona that ran the pipeline.
    pub pomona: String,
    /// The version of DataFusion below it.
    pub datafusion: String,
    /// The version of Pomona that wrote the report.
    pub report: String,
}

/// The number of images by their outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All images of the result.
    pub images: u64,
    /// Those that have features.
    pub features: u64,
    /// Those that could not be read or decoded.
    pub errors: u64,
    /// The images whose row comes from an earlier run.
    pub reused: u64,
    /// The images that this run computed.
    pub computed: u64,
    /// The length of all files together, in bytes.
    pub bytes: u64,
}

/// A phase of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The name of its script.
    pub name: String,
    /// The time it took.
    pub seconds: f64,
    /// The images that it handled.
    pub images: u64,
}

/// The spectrum of the features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Variance {
    /// Vectors that the model was fitted on.
    pub samples: u64,
    /// Components that were kept.
    pub kept: usize,
    /// The share of the variance along each component, kept or not, in descending order; their sum
    /// is 1, or 0 where all vectors are the same.
    pub ratios: Vec<f64>,
}

/// Images along the first two components.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scatter {
    /// The points, all images with features or a sample of them.
    pub points: Vec<Point>,
    /// The images with features.
    pub total: u64,
}

/// An image along the first two components.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The image's position in [`Report::images`].
    pub image: usize,
    /// The coordinate along the first component.
    pub x: f64,
    /// That along the second; 0 where one is kept.
    pub y: f64,
}

/// The images of a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The label.
    pub label: String,
    /// Its images.
    pub images: u64,
    /// Those of them without features.
    pub errors: u64,
}

/// The images without features.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// The reasons, the most frequent first; the last ones may be left out.
    pub reasons: Vec<Reason>,
    /// How many different reasons there are.
    pub total_reasons: u64,
}

/// Why images have no features.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The reason, in English, as the engine reported it.
    pub reason: String,
    /// The images without features for it.
    pub images: u64,
    /// The paths of the first of them.
    pub paths: Vec<String>,
}

/// The images that the kept components describe worst.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outliers {
    /// The worst, the largest error first.
    pub worst: Vec<Outlier>,
    /// The median error of the images with features, or of a sample of them.
    pub median: f64,
    /// The images with features.
    pub total: u64,
}

/// An image that the kept components describe badly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// The image's position in [`Report::images`].
    pub image: usize,
    /// The squared distance between its features and their reconstruction from the kept components.
    pub error: f64,
    /// That distance as a part of the squared distance from the mean, from 0 to 1.
    pub share: f64,
}

/// Images that are almost alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The most alike first.
    pub pairs: Vec<Pair>,
    /// The most alike of different labels, with none of `pairs`.
    pub across_labels: Vec<Pair>,
    /// The smallest cosine of a pair.
    pub threshold: f64,
    /// The number of images that were compared with each other.
    pub compared: u64,
    /// The images with features.
    pub total: u64,
    /// Whether no two of the compared images are more alike than the last pair that is left out.
    pub exact: bool,
}

/// Two images that are almost alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The first image's position in [`Report::images`].
    pub first: usize,
    /// The second's.
    pub second: usize,
    /// The cosine of the angle between their features.
    pub cosine: f64,
}

/// An image that the report names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its path; below the input, relative to it.
    pub path: String,
    /// Its label.
    pub label: String,
    /// Its thumbnail.
    pub thumbnail: Option<Thumbnail>,
}

/// A thumbnail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// A JPEG file.
    pub jpeg: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// The number of thumbnails that were requested and made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnails {
    /// The images for which a thumbnail was requested.
    pub wanted: u64,
    /// Those that could be read.
    pub made: u64,
}
