//! [`Checkpoint`]: a chunk of images that is complete, so that no later run computes it again.

use serde::{Deserialize, Serialize};

use crate::layout::is_run;
use crate::manifest::PublishedFile;
use crate::store_folder::StoreFolder;
use crate::{FeatureOptions, FormatVersion, ResultsError};

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
    /// The version of the files.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// The sha256 of the weights that the features come from.
    pub weights_sha256: String,
    /// The options that the features depend on.
    #[serde(default)]
    pub options: FeatureOptions,
    /// The files of features, relative to the output.
    pub features: Vec<PublishedFile>,
}

impl Checkpoint {
    /// Records that the chunk is complete.
    pub async fn record(&self, folder: &StoreFolder, name: &str) -> Result<(), ResultsError> {
        let json = serde_json::to_vec(self).expect("a checkpoint has only JSON's types");
        folder.write(&format!("{RECORDS}/{name}.json"), json).await
    }

    /// The checkpoints that interrupted runs left, of the same weights, options and version of files,
    /// and with all their files.
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
            let is_usable = checkpoint.format_version == FormatVersion::CURRENT
                && checkpoint.weights_sha256 == weights_sha256
                && checkpoint.options == *options;
            if is_usable && checkpoint.complete(folder).await? {
                left.push(checkpoint);
            }
        }
        Ok(left)
    }

    /// The paths of all files.
    pub fn files(&self) -> impl Iterator<Item = &PublishedFile> {
        self.features.iter()
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

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;
    use pomona_images::Location;
    use serde_json::Value;

    use super::*;

    /// A record of Pomona 0.1 has no version, and its features lack columns.
    #[tokio::test]
    async fn a_record_of_another_version_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let location = Location::parse(place.path().to_str().unwrap()).unwrap();
        let folder = StoreFolder::open(&SessionContext::new(), &location).unwrap();
        folder.write("features.parquet", vec![7; 5]).await.unwrap();
        let options = FeatureOptions::default();
        let checkpoint = Checkpoint {
            format_version: FormatVersion::CURRENT,
            weights_sha256: "ab".to_string(),
            options: options.clone(),
            features: vec![PublishedFile {
                path: "features.parquet".to_string(),
                bytes: 5,
                sha256: None,
            }],
        };
        let name = "20261129T101310.123456Z-000000";
        checkpoint.record(&folder, name).await.unwrap();
        assert_eq!(Checkpoint::left(&folder, "cd", &options).await.unwrap(), []);
        let left = Checkpoint::left(&folder, "ab", &options).await.unwrap();
        assert_eq!(left.as_slice(), std::slice::from_ref(&checkpoint));

        let mut record = serde_json::to_value(&checkpoint).unwrap();
        record.as_object_mut().unwrap().remove("format_version");
        for version in [Value::Null, 3.into()] {
            if !version.is_null() {
                record["format_version"] = version;
            }
            let json = serde_json::to_vec(&record).unwrap();
            folder
                .write(&format!("{RECORDS}/{name}.json"), json)
                .await
                .unwrap();
            assert_eq!(Checkpoint::left(&folder, "ab", &options).await.unwrap(), []);
        }
    }
}
