//! [`Output`]: results are written to a fresh place and moved to theirs when all are complete.
//!
//! What a run may replace or remove is what a manifest or a publication of Pomona names. Anything
//! else under the names of results was put there by somebody else, and refuses the output.

use std::collections::BTreeSet;

use datafusion::prelude::SessionContext;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::layout::{
    FOLDERS, MANIFEST, MODEL_INFO, PUBLICATION, REPORT, TEMPORARY, is_run, is_temporary,
};
use crate::lock::{OutputLock, is_lock};
use crate::manifest::PublishedFile;
use crate::store_folder::StoreFolder;
use pomona_images::Location;

use crate::{FeatureOptions, Manifest, ResultsError};

/// How many files of others an error lists.
const LISTED: usize = 5;

/// The output of one run.
pub struct Output {
    location: Location,
    folder: StoreFolder,
    staging: String,
}

/// Files to be moved, from and to paths relative to the output, and the manifest to follow them.
#[derive(Debug, Serialize, Deserialize)]
struct Publication {
    moves: Vec<(String, String)>,
    manifest: Manifest,
    /// Files of earlier runs that go once the manifest is there.
    #[serde(default)]
    obsolete: BTreeSet<String>,
}

impl Publication {
    /// Every path that it names below the output.
    fn paths(&self) -> impl Iterator<Item = &String> {
        let moved = self.moves.iter().map(|(_, to)| to);
        moved.chain(self.manifest.paths()).chain(&self.obsolete)
    }
}

/// What an output holds when a run begins.
#[derive(Debug)]
pub struct Prepared {
    /// The manifest of the finished run, if there is one.
    pub finished: Option<Manifest>,
    /// The files that runs of Pomona published, which this run may replace.
    pub owned: BTreeSet<String>,
}

impl Output {
    /// The output of a run, which is made where it must be.
    ///
    /// # Errors
    /// When it cannot be made, and when no store serves it.
    pub fn open(ctx: &SessionContext, location: Location, run: &str) -> Result<Self, ResultsError> {
        let folder = StoreFolder::open(ctx, &location)?;
        folder.create_folder()?;
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
    pub async fn lock(
        &self,
        run: &str,
        force: bool,
        note: &dyn Fn(String),
    ) -> Result<OutputLock, ResultsError> {
        OutputLock::acquire(&self.folder, &self.location, run, force, note).await
    }

    /// Prepares the output for a run: finishes what an interrupted run was publishing, and, if all
    /// is to be overwritten, removes the chunks that interrupted runs left.
    ///
    /// # Errors
    /// [`ResultsError::ForeignFiles`] when files lie under the names of results that no run wrote,
    /// and when the output cannot be reached or a publication cannot be finished.
    pub async fn prepare(
        &self,
        overwrite: bool,
        lock: &OutputLock,
    ) -> Result<Prepared, ResultsError> {
        let mut finished: Option<Manifest> = self.read_json(MANIFEST).await?;
        let publication: Option<Publication> = self.read_json(PUBLICATION).await?;
        let mut owned: BTreeSet<String> = BTreeSet::new();
        owned.extend(finished.iter().flat_map(Manifest::paths).cloned());
        owned.extend(publication.iter().flat_map(Publication::paths).cloned());
        self.refuse_foreign(&owned).await?;
        if let Some(publication) = publication {
            match self.finish(&publication, lock).await {
                Ok(()) => {
                    owned = publication.manifest.paths().cloned().collect();
                    finished = Some(publication.manifest);
                }
                // Everything that it names will be replaced.
                Err(ResultsError::FileMissing { .. }) if overwrite => {}
                Err(error) => return Err(error),
            }
        }
        if overwrite {
            self.clear().await?;
        }
        Ok(Prepared { finished, owned })
    }

    /// Fails when files lie under the names of results that are not `owned`.
    async fn refuse_foreign(&self, owned: &BTreeSet<String>) -> Result<(), ResultsError> {
        let there = self.published().await?;
        let published = there.into_iter().map(|file| file.path);
        let mut foreign: Vec<String> = published.filter(|path| !owned.contains(path)).collect();
        for file in self.files(TEMPORARY).await? {
            if !is_temporary(&file.path[TEMPORARY.len() + 1..]) {
                foreign.push(file.path);
            }
        }
        if foreign.is_empty() {
            return Ok(());
        }
        foreign.sort();
        Err(ResultsError::ForeignFiles {
            output: self.location.to_string(),
            count: foreign.len(),
            first: foreign.into_iter().take(LISTED).collect(),
        })
    }

    /// The store's folder.
    pub fn folder(&self) -> &StoreFolder {
        &self.folder
    }

    /// The path of something this run writes, relative to the output.
    pub fn staged(&self, below: &str) -> String {
        format!("{}/{below}", self.staging)
    }

    /// The URL of a path relative to the output.
    pub fn url(&self, path: &str) -> String {
        self.location.below(path)
    }

    /// Fails when files of features or metadata that a manifest names are not there as it names
    /// them.
    pub async fn check_rows(&self, manifest: &Manifest) -> Result<(), ResultsError> {
        let there = self.published().await?;
        for file in manifest.features().chain(manifest.metadata()) {
            if !there.contains(file) {
                return Err(ResultsError::FileMissing {
                    output: self.location.to_string(),
                    path: file.path.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether all files that a manifest names are there as it names them.
    pub async fn holds_all(&self, manifest: &Manifest) -> Result<bool, ResultsError> {
        let there = self.published().await?;
        Ok(manifest.files.iter().all(|file| there.contains(file)))
    }

    /// The files below a folder of the output.
    pub async fn files(&self, below: &str) -> Result<Vec<PublishedFile>, ResultsError> {
        let objects = self.folder.list(below).await?;
        let file = |object: object_store::ObjectMeta| PublishedFile {
            path: self.folder.relative(&object.location),
            bytes: object.size,
        };
        Ok(objects.into_iter().map(file).collect())
    }

    /// Moves files to their places, writes the manifest, and then removes those of the `owned`
    /// files that it does not name.
    ///
    /// Until the manifest is replaced, the files that the earlier one names are there; files of
    /// rows have names of their own each, so that old and new ones can lie side by side.
    ///
    /// # Errors
    /// [`ResultsError::ForeignFiles`] when somebody has put files there since the run began, and
    /// when the store fails: then the next run finishes the publication.
    pub async fn publish(
        &self,
        moves: Vec<(String, String)>,
        manifest: &Manifest,
        owned: &BTreeSet<String>,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        self.refuse_foreign(owned).await?;
        lock.check().await?;
        let named: BTreeSet<String> = manifest.paths().cloned().collect();
        let publication = Publication {
            moves,
            manifest: manifest.clone(),
            obsolete: owned.difference(&named).cloned().collect(),
        };
        let json = serde_json::to_vec(&publication).expect("a publication has only JSON's types");
        self.folder.write(PUBLICATION, json).await?;
        self.finish(&publication, lock).await
    }

    /// Does, or goes on with, a publication; every step can be done twice.
    ///
    /// A process that was suspended in between does not go on once another holds the output.
    async fn finish(
        &self,
        publication: &Publication,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        for (from, to) in &publication.moves {
            lock.check_now_and_then().await?;
            if self.folder.exists(from).await? {
                let (from, to) = (self.folder.path(from), self.folder.path(to));
                self.folder.rename(&from, &to).await?;
            } else if !self.folder.exists(to).await? {
                return Err(ResultsError::FileMissing {
                    output: self.location.to_string(),
                    path: to.clone(),
                });
            }
        }
        lock.check_now_and_then().await?;
        self.write_manifest(&publication.manifest).await?;
        for path in &publication.obsolete {
            lock.check_now_and_then().await?;
            self.folder.delete(&self.folder.path(path)).await?;
        }
        self.clear().await
    }

    /// Replaces the manifest in one piece.
    pub async fn write_manifest(&self, manifest: &Manifest) -> Result<(), ResultsError> {
        // A local store writes beside a file and renames; beside the manifest is no place for what
        // a crash might leave.
        let json = serde_json::to_vec_pretty(manifest).expect("a manifest has only JSON's types");
        let staged = format!("{TEMPORARY}/{MANIFEST}");
        self.folder.write(&staged, json).await?;
        let (from, to) = (self.folder.path(&staged), self.folder.path(MANIFEST));
        self.folder.rename(&from, &to).await
    }

    /// Removes what runs of Pomona wrote below `_temporary`, this one and interrupted ones, but for
    /// the lock.
    pub async fn clear(&self) -> Result<(), ResultsError> {
        let mut runs = BTreeSet::new();
        for file in self.files(TEMPORARY).await? {
            let below = &file.path[TEMPORARY.len() + 1..];
            match below.split_once('/') {
                Some((run, _)) if is_run(run) => {
                    runs.insert(run.to_string());
                }
                _ if is_temporary(below) && !is_lock(below) => {
                    self.folder.delete(&self.folder.path(&file.path)).await?;
                }
                _ => {}
            }
        }
        runs.insert(self.staging[TEMPORARY.len() + 1..].to_string());
        for run in runs {
            self.folder
                .remove_folder(&format!("{TEMPORARY}/{run}"))
                .await?;
        }
        self.folder.remove_empty_folders(TEMPORARY);
        Ok(())
    }

    /// Removes what a failed run has written, except for complete chunks. What a publication names
    /// stays: the next run finishes it.
    pub async fn discard(
        &self,
        weights_sha256: &str,
        options: &FeatureOptions,
    ) -> Result<(), ResultsError> {
        if self.folder.exists(PUBLICATION).await? {
            return Ok(());
        }
        let left = Checkpoint::left(&self.folder, weights_sha256, options).await?;
        let kept: BTreeSet<&str> = left
            .iter()
            .flat_map(Checkpoint::files)
            .map(|file| file.path.as_str())
            .collect();
        for file in self.files(&self.staging).await? {
            if !kept.contains(file.path.as_str()) {
                self.folder.delete(&self.folder.path(&file.path)).await?;
            }
        }
        self.folder.remove_empty_folders(TEMPORARY);
        Ok(())
    }

    /// The files under the names of results, whoever wrote them.
    async fn published(&self) -> Result<BTreeSet<PublishedFile>, ResultsError> {
        let mut files = BTreeSet::new();
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

    async fn read_json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ResultsError> {
        let Some(json) = self.folder.read(path).await? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&json);
        read.map(Some)
            .map_err(|error| ResultsError::UnreadableManifest {
                output: self.location.to_string(),
                path: path.to_string(),
                reason: error.to_string(),
            })
    }
}
