//! [`StoreFolder`]: a folder in an object store, and the few things that results need of it.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use pomona_images::Location;
use sha2::{Digest, Sha256};

use crate::attempts::{Attempts, storage};
use crate::layout::{FOLDERS, MODEL_INFO, REPORT};
use crate::made_folders::MadeFolders;
use crate::publication::Sizes;
use crate::{ResultsError, disk};

/// A folder in an object store.
#[derive(Debug, Clone)]
pub struct StoreFolder {
    pub(crate) store: Arc<dyn ObjectStore>,
    root: Path,
    /// The folder on a disk, where it is on one.
    pub(crate) local: Option<PathBuf>,
}

impl StoreFolder {
    /// The folder of a location.
    ///
    /// # Errors
    /// When no store serves it.
    pub fn open(ctx: &SessionContext, location: &Location) -> Result<Self, ResultsError> {
        Self::of(&ctx.runtime_env(), location)
    }

    /// The folder of a location, by the stores of a runtime.
    ///
    /// # Errors
    /// When no store serves it.
    pub fn of(runtime: &RuntimeEnv, location: &Location) -> Result<Self, ResultsError> {
        let store = runtime.object_store_registry.get_store(&location.url())?;
        Ok(Self {
            store,
            root: location.object_path(),
            local: location.local_path(),
        })
    }

    /// Makes the folder where folders must be made: on a disk. What is made is removed again with the value that
    /// this returns, as long as it is empty.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create_folder(&self) -> Result<MadeFolders, ResultsError> {
        match &self.local {
            Some(path) => MadeFolders::make(path).map_err(|source| ResultsError::MakeFolder {
                path: path.clone(),
                source,
            }),
            None => Ok(MadeFolders::default()),
        }
    }

    /// Removes a folder and its folders as far as they are empty, where folders are things: on a
    /// disk.
    pub fn remove_empty_folders(&self, below: &str) {
        if let Some(path) = &self.local {
            remove_empty(&path.join(below));
        }
    }

    /// Removes a folder whole, with what stores do not list: files that a crash left half-written.
    pub async fn remove_folder(&self, below: &str) -> Result<(), ResultsError> {
        let objects = self.list(below).await?.into_iter();
        self.delete_all(objects.map(|object| object.location).collect())
            .await?;
        if let Some(path) = &self.local {
            // It is out of the way of readers, so what cannot be removed may stay.
            let _ = fs::remove_dir_all(path.join(below));
        }
        Ok(())
    }

    /// The path of an object below the folder, given with slashes.
    pub fn path(&self, below: &str) -> Path {
        below
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.root.clone(), |path, part| path.join(part))
    }

    /// The path of an object, relative to the folder.
    pub fn relative(&self, path: &Path) -> String {
        match path.prefix_match(&self.root) {
            Some(parts) => parts
                .map(|part| part.as_ref().to_string())
                .collect::<Vec<_>>()
                .join("/"),
            None => path.to_string(),
        }
    }

    /// Every object below a folder of this one, in the order of their paths.
    pub async fn list(&self, below: &str) -> Result<Vec<ObjectMeta>, ResultsError> {
        let prefix = self.path(below);
        let listed: Result<Vec<_>, _> = self.store.list(Some(&prefix)).try_collect().await;
        let mut objects = match listed {
            Err(object_store::Error::NotFound { .. }) => vec![],
            other => other.map_err(storage("list", &prefix))?,
        };
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }

    /// The files under the names of results, whoever wrote them.
    pub(crate) async fn published(&self) -> Result<Sizes, ResultsError> {
        let mut files = Sizes::new();
        for folder in FOLDERS {
            let objects = self.list(folder).await?.into_iter();
            files.extend(objects.map(|object| (self.relative(&object.location), object.size)));
        }
        for path in [MODEL_INFO, REPORT] {
            if let Some(bytes) = self.size(path).await? {
                files.insert(path.to_string(), bytes);
            }
        }
        Ok(files)
    }

    /// The length of an object in bytes, if it is there.
    pub async fn size(&self, below: &str) -> Result<Option<u64>, ResultsError> {
        let path = self.path(below);
        match self.store.head(&path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(storage("look for", &path)(error)),
        }
    }

    /// Whether an object is there.
    pub async fn exists(&self, below: &str) -> Result<bool, ResultsError> {
        Ok(self.size(below).await?.is_some())
    }

    /// Reads a small object whole, if it is there.
    pub async fn read(&self, below: &str) -> Result<Option<Vec<u8>>, ResultsError> {
        let path = self.path(below);
        let mut attempts = Attempts::default();
        loop {
            // The store repeats the request by itself, and not the reading of an answer that was
            // cut short.
            let read = match self.store.get(&path).await {
                Ok(object) => object.bytes().await,
                Err(error) => Err(error),
            };
            match read {
                Ok(bytes) => return Ok(Some(bytes.to_vec())),
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => attempts.again(error, "read", &path).await?,
            }
        }
    }

    /// Writes a small object whole.
    pub async fn write(&self, below: &str, bytes: Vec<u8>) -> Result<(), ResultsError> {
        let path = self.path(below);
        self.store
            .put(&path, bytes.into())
            .await
            .map_err(storage("write", &path))?;
        Ok(())
    }

    /// Gives an object its place, in one attempt. On a disk it is moved there; a store copies it, and
    /// what it is copied from stays, so that the step can be done twice.
    pub async fn reveal(&self, from: &Path, to: &Path) -> object_store::Result<()> {
        match self.local {
            Some(_) => self.store.rename(from, to).await,
            None => self.store.copy(from, to).await,
        }
    }

    /// Removes an object; that it is gone already is no error.
    pub async fn delete(&self, path: &Path) -> Result<(), ResultsError> {
        self.delete_all(vec![path.clone()]).await
    }

    /// Removes objects; that some are gone already is no error.
    pub async fn delete_all(&self, paths: Vec<Path>) -> Result<(), ResultsError> {
        let Some(first) = paths.first().cloned() else {
            return Ok(());
        };
        let mut attempts = Attempts::default();
        loop {
            match self.try_delete(&paths).await {
                Ok(()) => return Ok(()),
                Err(error) => attempts.again(error, "remove", &first).await?,
            }
        }
    }

    /// [`delete_all`](Self::delete_all) in one attempt, a thousand a request where the store can.
    pub async fn try_delete(&self, paths: &[Path]) -> object_store::Result<()> {
        let paths = stream::iter(paths.to_vec()).map(Ok).boxed();
        let deleted: Vec<_> = self.store.delete_stream(paths).collect().await;
        for deleted in deleted {
            match deleted {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The length and the sha256 of an object, which is read for them. On a disk it has been
    /// written there when this returns.
    pub async fn digest(&self, below: &str) -> Result<(u64, String), ResultsError> {
        if let Some(path) = self.local_path(below) {
            return disk::digest(path).await;
        }
        let path = self.path(below);
        let mut attempts = Attempts::default();
        loop {
            let read = async {
                let mut parts = self.store.get(&path).await?.into_stream();
                let (mut sha256, mut bytes) = (Sha256::new(), 0);
                while let Some(part) = parts.try_next().await? {
                    sha256.update(&part);
                    bytes += part.len() as u64;
                }
                Ok((bytes, format!("{:x}", sha256.finalize())))
            };
            match read.await {
                Ok(read) => return Ok(read),
                Err(error) => attempts.again(error, "read", &path).await?,
            }
        }
    }

    /// Makes the names of files outlast a loss of power, where folders are things: on a disk.
    pub async fn sync_folders(
        &self,
        files: impl Iterator<Item = &String>,
    ) -> Result<(), ResultsError> {
        match &self.local {
            Some(root) => {
                let files = files.map(|file| root.join(file)).collect();
                disk::sync_folders(root.clone(), files).await
            }
            None => Ok(()),
        }
    }

    /// The path of a file below the folder, where it is on a disk.
    pub fn local_file(&self, below: &str) -> Option<PathBuf> {
        self.local_path(below)
    }

    /// The path of a file, where it is on a disk.
    pub(crate) fn local_path(&self, below: &str) -> Option<PathBuf> {
        self.local.as_ref().map(|root| root.join(below))
    }
}

fn remove_empty(folder: &FilePath) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    // A folder with something left in it stays: only empty ones may go.
    let _ = fs::remove_dir(folder);
}
