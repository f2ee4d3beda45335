//! [`Manifest`]: what a finished run was given, what it made and how long it took.

use pomona_images::Skipped;
use serde::{Deserialize, Serialize};

use crate::{FeatureOptions, FormatVersion, Formats};

/// `manifest.json`: it appears last, when everything that it names is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the files. It comes first, so that a later one is refused by its number.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// The version of Pomona that ran.
    pub pomona: String,
    /// The version of DataFusion below it.
    pub datafusion: String,
    /// The run's identifier.
    pub run: String,
    /// When the run finished, in UTC, RFC 3339.
    pub finished: String,
    /// The parameters as they were given.
    pub parameters: Parameters,
    /// The sha256 of the weights' file.
    pub weights_sha256: String,
    /// The options that the features depend on.
    #[serde(default)]
    pub options: FeatureOptions,
    /// How many images went which way.
    pub counts: Counts,
    /// What the listing of the input passed over.
    #[serde(default)]
    pub skipped: Skipped,
    /// The stages in their order.
    pub stages: Vec<StageTiming>,
    /// Every file of the run.
    pub files: Vec<PublishedFile>,
}

impl Manifest {
    /// The files of features.
    pub fn features(&self) -> impl Iterator<Item = &PublishedFile> {
        self.below("features/")
    }

    /// The files of the model.
    pub fn model(&self) -> impl Iterator<Item = &PublishedFile> {
        self.below("model/")
    }

    /// The paths of all files, relative to the output.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.iter().map(|file| &file.path)
    }

    fn below(&self, folder: &'static str) -> impl Iterator<Item = &PublishedFile> {
        let below = move |file: &&PublishedFile| file.path.starts_with(folder);
        self.files.iter().filter(below)
    }
}

/// The parameters of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The folder of images.
    pub input: String,
    /// The column of paths, where the input is a file that lists images and somebody named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_column: Option<String>,
    /// Where the results are.
    pub output: String,
    /// The number of components, or the share of the variance.
    pub components: String,
    /// The condition on the images.
    pub filter: Option<String>,
    /// The largest number of images.
    pub limit: Option<u64>,
    /// The weights as they were named.
    pub weights: String,
    /// The formats that were asked for.
    #[serde(default)]
    pub format: Option<Formats>,
}

/// How many images went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The images that were read.
    pub images: u64,
    /// Those that have features.
    pub features: u64,
    /// Those that could not be decoded or read.
    pub errors: u64,
    /// The components of the model.
    pub components: u64,
    /// The images whose row was there already, from a finished run or from one that was
    /// interrupted.
    #[serde(default)]
    pub reused: u64,
    /// The images that this run went through the network with.
    #[serde(default)]
    pub computed: u64,
    /// The images of earlier runs that this run's input and filter do not list, which stay in
    /// the results.
    #[serde(default)]
    pub unlisted: u64,
}

impl Counts {
    /// The share of the images that could not be decoded or read, from 0 to 1.
    pub fn error_rate(&self) -> f64 {
        match self.images {
            0 => 0.0,
            images => self.errors as f64 / images as f64,
        }
    }
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTiming {
    /// The stage's name: its script in `sql/`.
    pub name: String,
    /// The time it took.
    pub seconds: f64,
}

/// A file of the results.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedFile {
    /// The path, relative to the output.
    pub path: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The sha256 in lower-case hexadecimal; manifests of version 0.1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl PublishedFile {
    /// The name without its folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
