//! [`Output`]: results are written to a fresh place and moved to theirs when all are complete.
//!
//! What a run may replace or remove is what a manifest or a publication of Pomona names. Anything
//! else under the names of results was put there by somebody else, and refuses the output.

use std::collections::BTreeSet;
use std::fs;

use datafusion::prelude::SessionContext;
use futures::{StreamExt, stream};
use pomona_images::Location;
use serde::de::DeserializeOwned;

use crate::checkpoint::Checkpoint;
use crate::layout::{MANIFEST, PUBLICATION, TEMPORARY, is_run, is_temporary};
use crate::lock::{OutputLock, is_lock};
use crate::made_folders::MadeFolders;
use crate::manifest::PublishedFile;
use crate::publication::Publication;
use crate::store_folder::StoreFolder;
use crate::{FeatureOptions, Manifest, ResultsError};

/// How many files are read or moved at the same time.
pub(crate) const CONCURRENCY: usize = 16;

/// How many files of others an error lists.
const LISTED: usize = 5;

/// The output of one run.
pub struct Output {
    location: Location,
    pub(crate) folder: StoreFolder,
    staging: String,
    /// Removed again where the run leaves nothing in them.
    _made: MadeFolders,
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
    /// The output of a run, which is made where it must be. Dropping it, after its lock, removes the folders that
    /// were made as long as they are empty.
    ///
    /// # Errors
    /// When it cannot be made, and when no store serves it.
    pub fn open(ctx: &SessionContext, location: Location, run: &str) -> Result<Self, ResultsError> {
        let folder = StoreFolder::open(ctx, &location)?;
        let made = folder.create_folder()?;
        Ok(Self {
            location,
            folder,
            staging: format!("{TEMPORARY}/{run}"),
            _made: made,
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
        let mut publication: Option<Publication> = self.read_json(PUBLICATION).await?;
        if publication
            .as_ref()
            .is_some_and(|it| !it.follows(finished.as_ref()))
        {
            log::info!("{PUBLICATION} of a run that had lost the output is void");
            publication = None;
            self.folder
                .delete_all(vec![self.folder.path(PUBLICATION)])
                .await?;
        }
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
            self.clear(lock).await?;
        }
        Ok(Prepared { finished, owned })
    }

    /// Finishes what an interrupted run was publishing.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub async fn finish_interrupted(&self, lock: &OutputLock) -> Result<(), ResultsError> {
        if self.folder.exists(PUBLICATION).await? {
            self.prepare(false, lock).await?;
        }
        Ok(())
    }

    /// Fails when files lie under the names of results that are not `owned`.
    pub(crate) async fn refuse_foreign(
        &self,
        owned: &BTreeSet<String>,
    ) -> Result<(), ResultsError> {
        let there = self.folder.published().await?;
        let published = there.into_keys();
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

    /// Fails when files of features that a manifest names are not there as it names them. All else is
    /// made of them again.
    pub async fn check_rows(&self, manifest: &Manifest) -> Result<(), ResultsError> {
        let there = self.folder.published().await?;
        for file in manifest.features() {
            if there.get(&file.path) != Some(&file.bytes) {
                return Err(self.missing(file.path.clone()));
            }
        }
        Ok(())
    }

    /// The first of some files that has other bytes than those whose sha256 is recorded for it.
    pub(crate) async fn first_damaged<'a>(
        &self,
        files: &[&'a PublishedFile],
    ) -> Result<Option<&'a PublishedFile>, ResultsError> {
        let read = stream::iter(files).map(|file| self.is_intact(file));
        let mut read = read.buffered(CONCURRENCY).zip(stream::iter(files));
        while let Some((is_intact, file)) = read.next().await {
            if !is_intact? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Whether a file has the bytes whose sha256 is recorded for it, if one is.
    async fn is_intact(&self, file: &PublishedFile) -> Result<bool, ResultsError> {
        let Some(expected) = &file.sha256 else {
            return Ok(true);
        };
        let (bytes, found) = self.folder.digest(&file.path).await?;
        Ok(bytes == file.bytes && found == *expected)
    }

    /// Whether all files that a manifest names are there as it names them.
    pub async fn holds_all(&self, manifest: &Manifest) -> Result<bool, ResultsError> {
        let there = self.folder.published().await?;
        let mut files = manifest.files.iter();
        Ok(files.all(|file| there.get(&file.path) == Some(&file.bytes)))
    }

    /// The files below a folder of the output.
    pub async fn files(&self, below: &str) -> Result<Vec<PublishedFile>, ResultsError> {
        let objects = self.folder.list(below).await?;
        let file = |object: object_store::ObjectMeta| PublishedFile {
            path: self.folder.relative(&object.location),
            bytes: object.size,
            sha256: None,
        };
        Ok(objects.into_iter().map(file).collect())
    }

    /// Removes what runs of Pomona wrote below `_temporary`, this one and interrupted ones, but for
    /// the lock.
    ///
    /// # Errors
    /// [`ResultsError::LockLost`] when another run has the output, and when the store fails.
    pub async fn clear(&self, lock: &OutputLock) -> Result<(), ResultsError> {
        lock.check().await?;
        let (mut runs, mut others) = (BTreeSet::new(), vec![]);
        for file in self.files(TEMPORARY).await? {
            let below = &file.path[TEMPORARY.len() + 1..];
            match below.split_once('/') {
                Some((run, _)) if is_run(run) => {
                    runs.insert(run.to_string());
                }
                _ if is_temporary(below) && !is_lock(below) => others.push(file.path),
                _ => {}
            }
        }
        // The publication before the files that it names.
        self.remove(&others, lock).await?;
        runs.insert(self.staging[TEMPORARY.len() + 1..].to_string());
        for run in runs {
            lock.check_now_and_then().await?;
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

    /// Removes what this run staged on a disk, unless a checkpoint of it or a publication needs it: a run that is
    /// cancelled does not come to [`discard`](Self::discard).
    fn remove_halves(&self) {
        let Some(root) = &self.folder.local else {
            return;
        };
        let run = &self.staging[TEMPORARY.len() + 1..];
        let records = fs::read_dir(root.join(TEMPORARY).join("checkpoints"));
        let mut records = records.into_iter().flatten().flatten();
        let has_chunks =
            records.any(|record| record.file_name().to_string_lossy().starts_with(run));
        if !has_chunks && !root.join(PUBLICATION).exists() {
            // It is out of the way of readers, so what cannot be removed may stay.
            let _ = fs::remove_dir_all(root.join(&self.staging));
            self.folder.remove_empty_folders(TEMPORARY);
        }
    }

    pub(crate) fn missing(&self, path: String) -> ResultsError {
        ResultsError::FileMissing {
            output: self.location.to_string(),
            path,
        }
    }

    pub(crate) async fn read_json<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, ResultsError> {
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

impl Drop for Output {
    fn drop(&mut self) {
        self.remove_halves();
    }
}
