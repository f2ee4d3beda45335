//! [`Output`]: results are written to a fresh place and moved to theirs when all are complete.

use std::collections::HashSet;

use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::location::StoreFolder;
use crate::lock::{OutputLock, is_lock};
use crate::manifest::PublishedFile;
use crate::model_info::MODEL_INFO;
use crate::report::REPORT;
use crate::{DriverError, Location, Manifest};

/// The file whose presence says that a run is complete.
pub const MANIFEST: &str = "manifest.json";

/// Readers of folders (Spark, Hive, pyarrow, pandas) pass over names that begin with `_`, so
/// nothing below this is ever taken for a result. The name is that of Hadoop's committers.
const TEMPORARY: &str = "_temporary";

/// What is to be published, written before anything is moved: a run that finds it finishes what
/// an interrupted one began.
const PUBLICATION: &str = "_temporary/publication.json";

/// What runs own below the output: files here that the manifest does not name are removed.
const FOLDERS: [&str; 8] = [
    "metadata",
    "stats",
    "features",
    "features_csv",
    "errors",
    "moments",
    "model",
    "pca",
];

/// The output of one run.
pub(crate) struct Output {
    location: Location,
    folder: StoreFolder,
    staging: String,
}

/// Files to be moved, from and to paths relative to the output, and the manifest to follow them.
#[derive(Debug, Serialize, Deserialize)]
struct Publication {
    moves: Vec<(String, String)>,
    manifest: Manifest,
}

impl Output {
    /// The output of a run, which is made where it must be.
    ///
    /// # Errors
    /// When it cannot be made, and when no store serves it.
    pub(crate) fn open(
        ctx: &SessionContext,
        location: Location,
        run: &str,
    ) -> Result<Self, DriverError> {
        location.create()?;
        let folder = location.store(ctx)?;
        Ok(Self {
            location,
            folder,
            staging: format!("{TEMPORARY}/{run}"),
        })
    }

    /// Locks the output for a run; with `force`, whoever holds it.
    ///
    /// # Errors
    /// When another run holds it, and when the store fails.
    pub(crate) async fn lock(
        &self,
        run: &str,
        force: bool,
        tell: &dyn Fn(String),
    ) -> Result<OutputLock, DriverError> {
        OutputLock::acquire(&self.folder, &self.location, run, force, tell).await
    }

    /// Prepares the output for a run: what an interrupted one was publishing is finished, or, if
    /// all is to be overwritten, whatever it left is removed.
    ///
    /// # Errors
    /// When it cannot be reached, and when a publication cannot be finished.
    pub(crate) async fn prepare(&self, overwrite: bool) -> Result<(), DriverError> {
        if overwrite {
            self.clear().await?;
        } else if let Some(json) = self.folder.read(PUBLICATION).await? {
            let publication: Publication = serde_json::from_slice(&json)
                .map_err(|error| self.unreadable(PUBLICATION, &error))?;
            self.finish(&publication).await?;
        }
        Ok(())
    }

    /// The store's folder.
    pub(crate) fn folder(&self) -> &StoreFolder {
        &self.folder
    }

    /// The path of something this run writes, relative to the output.
    pub(crate) fn staged(&self, below: &str) -> String {
        format!("{}/{below}", self.staging)
    }

    /// The URL of a path relative to the output.
    pub(crate) fn url(&self, path: &str) -> String {
        self.location.below(path)
    }

    /// The manifest of the finished run that the output holds, if any.
    ///
    /// # Errors
    /// When it cannot be read, and when files of features or metadata that it names are not there
    /// as it names them.
    pub(crate) async fn finished(&self) -> Result<Option<Manifest>, DriverError> {
        let Some(json) = self.folder.read(MANIFEST).await? else {
            return Ok(None);
        };
        let manifest: Manifest =
            serde_json::from_slice(&json).map_err(|error| self.unreadable(MANIFEST, &error))?;
        let there = self.published().await?;
        for file in manifest.features().chain(manifest.metadata()) {
            if !there.contains(file) {
                return Err(DriverError::FileMissing {
                    output: self.location.to_string(),
                    path: file.path.clone(),
                });
            }
        }
        Ok(Some(manifest))
    }

    /// Whether all files that a manifest names are there as it names them. The report may have
    /// been written again since, in another language.
    pub(crate) async fn holds_all(&self, manifest: &Manifest) -> Result<bool, DriverError> {
        let there = self.published().await?;
        let has_report = there.iter().any(|file| file.path == REPORT);
        Ok(manifest
            .files
            .iter()
            .all(|file| there.contains(file) || (file.path == REPORT && has_report)))
    }

    /// The files below a folder of the output.
    pub(crate) async fn files(&self, below: &str) -> Result<Vec<PublishedFile>, DriverError> {
        let objects = self.folder.list(below).await?;
        let file = |object: object_store::ObjectMeta| PublishedFile {
            path: self.folder.relative(&object.location),
            bytes: object.size,
        };
        Ok(objects.into_iter().map(file).collect())
    }

    /// Moves files to their places, writes the manifest, and then removes what it does not name.
    ///
    /// Until the manifest is replaced, the files that the earlier one names are there; files of
    /// rows have names of their own each, so that old and new ones can lie side by side.
    pub(crate) async fn publish(
        &self,
        moves: Vec<(String, String)>,
        manifest: &Manifest,
    ) -> Result<(), DriverError> {
        let publication = Publication {
            moves,
            manifest: manifest.clone(),
        };
        let json = serde_json::to_vec(&publication).expect("a publication has only JSON's types");
        self.folder.write(PUBLICATION, json).await?;
        self.finish(&publication).await
    }

    /// Does, or goes on with, a publication; every step can be done twice.
    async fn finish(&self, publication: &Publication) -> Result<(), DriverError> {
        for (from, to) in &publication.moves {
            if self.folder.exists(from).await? {
                let (from, to) = (self.folder.path(from), self.folder.path(to));
                self.folder.rename(&from, &to).await?;
            } else if !self.folder.exists(to).await? {
                return Err(DriverError::FileMissing {
                    output: self.location.to_string(),
                    path: to.clone(),
                });
            }
        }
        // A local store writes beside a file and renames; beside the manifest is no place for what
        // a crash might leave.
        let json = serde_json::to_vec_pretty(&publication.manifest)
            .expect("a manifest has only JSON's types");
        let staged = format!("{TEMPORARY}/{MANIFEST}");
        self.folder.write(&staged, json).await?;
        let (from, to) = (self.folder.path(&staged), self.folder.path(MANIFEST));
        self.folder.rename(&from, &to).await?;

        let named: HashSet<&str> = publication
            .manifest
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        for file in self.published().await? {
            // A report that is not of this run is of an earlier one.
            let is_ours = file.path.contains('/') || file.path == REPORT;
            if is_ours && !named.contains(file.path.as_str()) {
                self.folder.delete(&self.folder.path(&file.path)).await?;
            }
        }
        self.clear().await
    }

    /// Removes everything temporary, of this run and of interrupted ones, but for the lock.
    pub(crate) async fn clear(&self) -> Result<(), DriverError> {
        for object in self.folder.list(TEMPORARY).await? {
            let path = self.folder.relative(&object.location);
            if !path[TEMPORARY.len() + 1..].split('/').all(is_lock) {
                self.folder.delete(&object.location).await?;
            }
        }
        self.location.empty_folder(TEMPORARY, is_lock);
        Ok(())
    }

    /// Removes what a failed run has written, except for complete chunks.
    pub(crate) async fn discard(&self, weights_sha256: &str) -> Result<(), DriverError> {
        let left = Checkpoint::left(&self.folder, weights_sha256).await?;
        let kept: HashSet<&str> = left
            .iter()
            .flat_map(Checkpoint::files)
            .map(|file| file.path.as_str())
            .collect();
        for file in self.files(&self.staging).await? {
            if !kept.contains(file.path.as_str()) {
                self.folder.delete(&self.folder.path(&file.path)).await?;
            }
        }
        self.location.remove_empty_folders(TEMPORARY);
        Ok(())
    }

    /// The files of results that are there, named by a manifest or not.
    async fn published(&self) -> Result<HashSet<PublishedFile>, DriverError> {
        let mut files = HashSet::new();
        for folder in FOLDERS {
            files.extend(self.files(folder).await?);
        }
        for path in [MODEL_INFO, REPORT] {
            if let Some(bytes) = self.folder.size(path).await? {
                files.insert(PublishedFile {
                    path: path.to_string(),
                    bytes,
                });
            }
        }
        Ok(files)
    }

    fn unreadable(&self, path: &str, error: &serde_json::Error) -> DriverError {
        DriverError::UnreadableManifest {
            output: self.location.to_string(),
            path: path.to_string(),
            reason: error.to_string(),
        }
    }
}
