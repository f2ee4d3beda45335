//! [`StoreFolder`]: a folder in an object store, and the few things that results need of it.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};
use pomona_images::Location;
use tokio::time::sleep;

use crate::ResultsError;

/// A folder in an object store.
#[derive(Debug, Clone)]
pub struct StoreFolder {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// The folder on a disk, where it is on one.
    local: Option<PathBuf>,
}

impl StoreFolder {
    /// The folder of a location.
    ///
    /// # Errors
    /// When no store serves it.
    pub fn open(ctx: &SessionContext, location: &Location) -> Result<Self, ResultsError> {
        let store = ctx
            .runtime_env()
            .object_store_registry
            .get_store(&location.url())?;
        Ok(Self {
            store,
            root: location.object_path(),
            local: location.local_path(),
        })
    }

    /// Makes the folder where folders must be made: on a disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create_folder(&self) -> Result<(), ResultsError> {
        match &self.local {
            Some(path) => fs::create_dir_all(path).map_err(|source| ResultsError::MakeFolder {
                path: path.clone(),
                source,
            }),
            None => Ok(()),
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
        for object in self.list(below).await? {
            self.delete(&object.location).await?;
        }
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

    /// Writes a small object whole where there is none.
    ///
    /// A store does not repeat such a request by itself, because the answer to one that succeeded
    /// may have been lost. The content decides: bytes that only this caller writes are its own.
    pub async fn create(&self, below: &str, bytes: Vec<u8>) -> Result<Created, ResultsError> {
        let path = self.path(below);
        let mut attempts = Attempts::default();
        loop {
            let options = PutMode::Create.into();
            let put = self.store.put_opts(&path, bytes.clone().into(), options);
            match put.await {
                Ok(_) => return Ok(Created::Here),
                Err(object_store::Error::AlreadyExists { .. }) if attempts.is_first() => {
                    return Ok(Created::Exists);
                }
                Err(object_store::Error::AlreadyExists { .. }) => {
                    let mine = self.read(below).await? == Some(bytes);
                    return Ok(if mine { Created::Here } else { Created::Exists });
                }
                Err(error) if is_unsupported(&error) => return Ok(Created::Unsupported),
                Err(error) => attempts.again(error, "create", &path).await?,
            }
        }
    }

    /// Moves an object.
    pub async fn rename(&self, from: &Path, to: &Path) -> Result<(), ResultsError> {
        self.store
            .rename(from, to)
            .await
            .map_err(storage("move to", to))
    }

    /// Removes an object; that it is gone already is no error.
    pub async fn delete(&self, path: &Path) -> Result<(), ResultsError> {
        let mut attempts = Attempts::default();
        loop {
            match self.store.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => return Ok(()),
                Err(error) => attempts.again(error, "remove", path).await?,
            }
        }
    }
}

/// Attempts at a request that can be made twice, where the store itself does not repeat it.
#[derive(Debug, Default)]
struct Attempts {
    failed: u32,
}

impl Attempts {
    /// As many as the AWS command line makes in its standard mode, and as many again.
    const MOST: u32 = 6;

    fn is_first(&self) -> bool {
        self.failed == 0
    }

    /// Waits before another attempt, or fails with the error where none would help.
    async fn again(
        &mut self,
        error: object_store::Error,
        action: &'static str,
        path: &Path,
    ) -> Result<(), ResultsError> {
        self.failed += 1;
        let may_pass = matches!(error, object_store::Error::Generic { .. });
        if !may_pass || self.failed >= Self::MOST {
            return Err(storage(action, path)(error));
        }
        log::info!(
            "{action} '{path}': {error}; attempt {} follows",
            self.failed + 1
        );
        sleep(Duration::from_millis(100 << self.failed)).await;
        Ok(())
    }
}

/// What came of creating an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    Here,
    /// It was there already.
    Exists,
    /// The store only overwrites: nothing was written.
    Unsupported,
}

/// Whether a store, or the server behind it, does not know how to do something.
fn is_unsupported(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::NotImplemented { .. } => true,
        // S3's name of the answer 501, which object_store gives as text alone.
        object_store::Error::Generic { source, .. } => {
            source.to_string().contains("<Code>NotImplemented</Code>")
        }
        _ => false,
    }
}

fn storage(action: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> ResultsError {
    let path = path.to_string();
    move |source| ResultsError::Storage {
        action,
        path,
        source,
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
