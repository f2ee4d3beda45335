//! [`Output`]: results are written to a fresh place and moved to theirs when all are complete.

use datafusion::prelude::SessionContext;

use crate::location::StoreFolder;
use crate::manifest::PublishedFile;
use crate::{DriverError, Location, Manifest};

/// The file whose presence says that a run is complete.
pub const MANIFEST: &str = "manifest.json";

/// Readers of folders (Spark, Hive, pyarrow, pandas) pass over names that begin with `_`, so
/// nothing below this is ever taken for a result. The name is that of Hadoop's committers.
const TEMPORARY: &str = "_temporary";

/// What a run owns below the output; an overwriting run removes these of its predecessor.
const FOLDERS: [&str; 6] = ["metadata", "stats", "features", "errors", "model", "pca"];
const MODEL_INFO: &str = "model_info.json";

/// The output of one run.
pub(crate) struct Output {
    location: Location,
    folder: StoreFolder,
    staging: String,
}

impl Output {
    /// Prepares the output of a run; nothing that is there is touched.
    ///
    /// # Errors
    /// When the output holds a finished run and `overwrite` is not given, and when it cannot be
    /// made or reached.
    pub(crate) async fn prepare(
        ctx: &SessionContext,
        location: Location,
        run: &str,
        overwrite: bool,
    ) -> Result<Self, DriverError> {
        location.create()?;
        let folder = location.store(ctx)?;
        if !overwrite && folder.exists(MANIFEST).await? {
            return Err(DriverError::OutputExists {
                output: location.to_string(),
                manifest: MANIFEST.to_string(),
            });
        }
        Ok(Self {
            location,
            folder,
            staging: format!("{TEMPORARY}/{run}"),
        })
    }

    /// The URL below which the stages write.
    pub(crate) fn staging_url(&self) -> String {
        self.location.below(&self.staging)
    }

    /// Writes a small file among the stages' files.
    pub(crate) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), DriverError> {
        self.folder
            .write(&format!("{}/{name}", self.staging), bytes)
            .await
    }

    /// Moves everything to its place and writes the manifest last.
    ///
    /// The manifest of an earlier run goes first: from then until the new one appears, the
    /// output holds no finished run.
    pub(crate) async fn publish(&self, manifest: &mut Manifest) -> Result<(), DriverError> {
        self.folder.delete(&self.folder.path(MANIFEST)).await?;
        self.folder.delete(&self.folder.path(MODEL_INFO)).await?;
        for folder in FOLDERS {
            for object in self.folder.list(folder).await? {
                self.folder.delete(&object.location).await?;
            }
        }

        let staged = self.folder.list(&self.staging).await?;
        let prefix = format!("{}/", self.staging);
        manifest.files.clear();
        for object in staged {
            let from = self.folder.relative(&object.location);
            let Some(path) = from.strip_prefix(&prefix) else {
                continue;
            };
            self.folder
                .rename(&object.location, &self.folder.path(path))
                .await?;
            manifest.files.push(PublishedFile {
                path: path.to_string(),
                bytes: object.size,
            });
        }
        self.location.remove_empty_folders(TEMPORARY);

        let json = serde_json::to_vec_pretty(manifest).expect("a manifest has only JSON's types");
        self.folder.write(MANIFEST, json).await
    }

    /// Removes what a failed run has written.
    pub(crate) async fn discard(&self) -> Result<(), DriverError> {
        for object in self.folder.list(&self.staging).await? {
            self.folder.delete(&object.location).await?;
        }
        self.location.remove_empty_folders(TEMPORARY);
        Ok(())
    }
}
