//! How an output does what a [`Publication`] says, step by step.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};

use crate::attempts::Attempts;
use crate::layout::{MANIFEST, PUBLICATION, TEMPORARY};
use crate::lock::OutputLock;
use crate::manifest::PublishedFile;
use crate::output::{CONCURRENCY, Output};
use crate::publication::{FolderSteps, Publication};
use crate::{Manifest, ResultsError};

impl Output {
    /// Publishes staged files, given with where they belong, and adds them to a manifest that names
    /// those which stay: removes the `owned` files that it does not name, moves the new ones to
    /// their places and writes the manifest, as [`Publication`] says.
    ///
    /// Every file without a sha256 is read for it, and those on a disk are on it before anything is
    /// removed.
    ///
    /// # Errors
    /// [`ResultsError::ForeignFiles`] when somebody has put files there since the run began,
    /// [`ResultsError::LockLost`] when another run has the output, and when the store fails: then
    /// the next run finishes the publication.
    pub async fn publish(
        &self,
        staged: Vec<(PublishedFile, String)>,
        manifest: &mut Manifest,
        owned: &BTreeSet<String>,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        self.refuse_foreign(owned).await?;
        self.publish_over(staged, manifest, owned, lock).await
    }

    /// [`publish`](Self::publish) beside files of others, which stay: for a caller that replaces
    /// nothing but what it names.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), but for [`ResultsError::ForeignFiles`].
    pub async fn publish_over(
        &self,
        staged: Vec<(PublishedFile, String)>,
        manifest: &mut Manifest,
        owned: &BTreeSet<String>,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        // Files of version 0.1 get theirs with the first run of a later one.
        let stay = manifest.files.iter().filter(|file| file.sha256.is_none());
        let stay = stay.map(|file| (file.clone(), file.path.clone()));
        let unread: Vec<_> = stay.chain(staged.iter().cloned()).collect();
        let read = stream::iter(unread)
            .map(|(from, to)| self.digest(from, to))
            .buffer_unordered(CONCURRENCY);
        let read: Vec<PublishedFile> = read.try_collect().await?;
        manifest.files.retain(|file| file.sha256.is_some());
        manifest.files.extend(read);
        manifest.files.sort();
        self.folder
            .sync_folders(staged.iter().map(|(from, _)| &from.path))
            .await?;

        let current: Option<Manifest> = self.read_json(MANIFEST).await?;
        lock.check().await?;
        let named: BTreeSet<String> = manifest.paths().cloned().collect();
        let moves = staged.into_iter().map(|(from, to)| (from.path, to));
        let publication = Publication {
            moves: moves.collect(),
            manifest: manifest.clone(),
            obsolete: owned.difference(&named).cloned().collect(),
            replaces: Some(current.map_or_else(String::new, |manifest| manifest.run)),
        };
        let json = serde_json::to_vec(&publication).expect("a publication has only JSON's types");
        if !self.folder.create_durable(PUBLICATION, json).await? {
            return Err(lock.lost_to("another run is publishing"));
        }
        lock.check().await?;
        self.finish(&publication, lock).await
    }

    /// A file at its place, with its sha256.
    async fn digest(&self, from: PublishedFile, to: String) -> Result<PublishedFile, ResultsError> {
        let PublishedFile { path, bytes, .. } = from;
        let sha256 = match from.sha256 {
            Some(sha256) => sha256,
            None => {
                let (read, sha256) = self.folder.digest(&path).await?;
                if read != bytes {
                    return Err(self.missing(path));
                }
                sha256
            }
        };
        Ok(PublishedFile {
            path: to,
            bytes,
            sha256: Some(sha256),
        })
    }

    /// Does, or goes on with, a publication; every step can be done twice.
    ///
    /// A process that was suspended in between does not go on once another holds the output.
    pub(crate) async fn finish(
        &self,
        publication: &Publication,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        let mut sizes = self.folder.published().await?;
        for file in self.files(TEMPORARY).await? {
            sizes.insert(file.path, file.bytes);
        }
        let steps = publication.steps(&sizes);
        let steps = steps.map_err(|path| self.missing(path))?;
        for FolderSteps { obsolete, moves } in steps {
            self.remove(&obsolete, lock).await?;
            let moved = stream::iter(&moves).map(|(from, to)| async move {
                let (from, to) = (self.folder.path(from), self.folder.path(to));
                let mut attempts = Attempts::default();
                loop {
                    lock.check_now_and_then().await?;
                    match self.folder.reveal(&from, &to).await {
                        Ok(()) => return Ok::<_, ResultsError>(()),
                        Err(error) => attempts.again(error, "move to", &to).await?,
                    }
                }
            });
            let moved = moved.buffer_unordered(CONCURRENCY);
            moved.try_collect::<()>().await?;
        }
        let places = publication.moves.iter().map(|(_, to)| to);
        self.folder.sync_folders(places).await?;
        lock.check_now_and_then().await?;
        self.write_manifest(publication, lock).await?;
        self.clear(lock).await
    }

    /// Removes files, as long as this run has the output.
    pub(crate) async fn remove(
        &self,
        files: &[String],
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        let paths: Vec<_> = files.iter().map(|file| self.folder.path(file)).collect();
        let Some(first) = paths.first() else {
            return Ok(());
        };
        let mut attempts = Attempts::default();
        loop {
            lock.check_now_and_then().await?;
            match self.folder.try_delete(&paths).await {
                Ok(()) => return Ok(()),
                Err(error) => attempts.again(error, "remove", first).await?,
            }
        }
    }

    /// Replaces the manifest in one piece, if it is the one that a publication follows.
    async fn write_manifest(
        &self,
        publication: &Publication,
        lock: &OutputLock,
    ) -> Result<(), ResultsError> {
        let json = serde_json::to_vec_pretty(&publication.manifest)
            .expect("a manifest has only JSON's types");
        let follows = |there: &[u8]| {
            let there = serde_json::from_slice(there);
            there.is_ok_and(|there| publication.follows(Some(&there)))
        };
        let is_written = match self.folder.exists(MANIFEST).await? {
            true => self.folder.replace(MANIFEST, follows, json).await?,
            false => {
                self.folder.create_durable(MANIFEST, json.clone()).await?
                    || self.folder.replace(MANIFEST, follows, json).await?
            }
        };
        match is_written {
            true => Ok(()),
            false => Err(lock.lost_to("another run has published")),
        }
    }
}
