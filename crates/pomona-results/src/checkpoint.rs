//! [`Checkpoint`]: a chunk of images that is complete, so that no later run computes it again.

use serde::{Deserialize, Serialize};

use crate::layout::is_run;
use crate::manifest::PublishedFile;
use crate::store_folder::StoreFolder;
use crate::{FeatureOptions, ResultsError};

/// Where checkpoints are recorded, below the output.
const RECORDS: &str = "_temporary/checkpoints";

/// Whether a file of that folder is a record: the run, and the number of the chunk.
pub(crate) fn is_checkpoint(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(run, number)| {
        is_run(run) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The files of a chunk. Its record is written when the files are complete, in one piece as stores
/// write objects, so a chunk is either there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The sha256 of the weights that the features come from.
    pub weights_sha256: String,
    /// The options that the features depend on.
    #[serde(default)]
    pub options: FeatureOptions,
    /// The files of features, relative to the output.
    pub features: Vec<PublishedFile>,
    /// The files of metadata, of the same images.
    pub metadata: Vec<PublishedFile>,
}

impl Checkpoint {
    /// Records that the chunk is complete.
    pub async fn record(&self, folder: &StoreFolder, name: &str) -> Result<(), ResultsError> {
        let json = serde_json::to_vec(self).expect("a checkpoint has only JSON's types");
        folder.write(&format!("{RECORDS}/{name}.json"), json).await
    }

    /// The checkpoints that interrupted runs left, of the same weights and options and with all their
    /// files.
    pub async fn left(
        folder: &StoreFolder,
        weights_sha256: &str,
        options: &FeatureOptions,
    ) -> Result<Vec<Self>, ResultsError> {
        let mut left = vec![];
        for record in folder.list(RECORDS).await? {
            let json = folder.read(&folder.relative(&record.location)).await?;
            let checkpoint: Option<Self> = json.and_then(|json| serde_json::from_slice(&json).ok());
            let Some(checkpoint) = checkpoint else {
                continue;
            };
            if checkpoint.weights_sha256 == weights_sha256
                && checkpoint.options == *options
                && checkpoint.complete(folder).await?
            {
                left.push(checkpoint);
            }
        }
        Ok(left)
    }

    /// The paths of all files.
    pub fn files(&self) -> impl Iterator<Item = &PublishedFile> {
        self.features.iter().chain(&self.metadata)
    }

    async fn complete(&self, folder: &StoreFolder) -> Result<bool, ResultsError> {
        for file in self.files() {
            if folder.size(&file.path).await? != Some(file.bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
