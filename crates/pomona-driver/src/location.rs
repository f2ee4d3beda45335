//! [`Location`]: a folder as a person names it, on a disk or in a bucket.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Component, Path as FilePath, PathBuf, absolute};
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};
use url::Url;

use crate::DriverError;

/// A folder, given as a path or as a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    given: String,
    url: Url,
}

impl Location {
    /// Reads a path, relative or absolute, or a URL.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(given: &str) -> Result<Self, DriverError> {
        let refused = |reason: String| DriverError::Location {
            location: given.to_string(),
            reason,
        };
        let url = if given.contains("://") {
            let mut url = Url::parse(given).map_err(|error| refused(error.to_string()))?;
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            url
        } else {
            let path = absolute(given).map_err(|error| refused(error.to_string()))?;
            let path = without_parents(&path);
            Url::from_directory_path(&path).map_err(|()| refused("it has no URL".to_string()))?
        };
        Ok(Self {
            given: given.to_string(),
            url,
        })
    }

    /// The folder's URL, ending in a slash.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder's URL as paths of pictures begin: as people write it, with nothing escaped, and a
    /// slash at its end.
    pub(crate) fn written(&self) -> String {
        let mut written = match self.local_path() {
            Some(path) => format!("file://{}", path.display()),
            None => self.given.clone(),
        };
        if !written.ends_with('/') {
            written.push('/');
        }
        written
    }

    /// A folder below this one, as a URL without a slash at its end.
    pub fn below(&self, folder: &str) -> String {
        format!("{}{folder}", self.url)
    }

    /// Makes the folder where folders must be made: on a disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(&self) -> Result<(), DriverError> {
        match self.local_path() {
            Some(path) => {
                fs::create_dir_all(&path).map_err(|source| DriverError::MakeFolder { path, source })
            }
            None => Ok(()),
        }
    }

    /// Removes an empty folder and its empty folders, where folders are things: on a disk.
    pub(crate) fn remove_empty_folders(&self, folder: &str) {
        if let Some(path) = self.local_path() {
            remove_empty(&path.join(folder));
        }
    }

    /// Empties a folder of what stores do not list too, files that a crash left half-written, but
    /// for entries that are to stay.
    pub(crate) fn empty_folder(&self, folder: &str, stays: impl Fn(&str) -> bool) {
        let Some(path) = self.local_path() else {
            return;
        };
        for entry in fs::read_dir(path.join(folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            if stays(&entry.file_name().to_string_lossy()) {
                continue;
            }
            // It is out of the way of readers, so what cannot be removed may stay.
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
                _ => fs::remove_file(entry.path()),
            };
        }
    }

    /// The store that holds the folder, and the folder's path in it.
    ///
    /// # Errors
    /// When no store serves the URL.
    pub(crate) fn store(&self, ctx: &SessionContext) -> Result<StoreFolder, DriverError> {
        let store = ctx
            .runtime_env()
            .object_store_registry
            .get_store(&self.url)?;
        let root = Path::from_url_path(self.url.path()).map_err(|error| DriverError::Location {
            location: self.given.clone(),
            reason: error.to_string(),
        })?;
        Ok(StoreFolder { store, root })
    }

    fn local_path(&self) -> Option<PathBuf> {
        (self.url.scheme() == "file")
            .then(|| self.url.to_file_path().ok())
            .flatten()
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

/// A folder in an object store.
#[derive(Debug, Clone)]
pub(crate) struct StoreFolder {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl StoreFolder {
    /// The path of an object below the folder, given with slashes.
    pub(crate) fn path(&self, below: &str) -> Path {
        below
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.root.clone(), |path, part| path.join(part))
    }

    /// The path of an object, relative to the folder.
    pub(crate) fn relative(&self, path: &Path) -> String {
        match path.prefix_match(&self.root) {
            Some(parts) => parts
                .map(|part| part.as_ref().to_string())
                .collect::<Vec<_>>()
                .join("/"),
            None => path.to_string(),
        }
    }

    /// Every object below a folder of this one, in the order of their paths.
    pub(crate) async fn list(&self, below: &str) -> Result<Vec<ObjectMeta>, DriverError> {
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
    pub(crate) async fn size(&self, below: &str) -> Result<Option<u64>, DriverError> {
        let path = self.path(below);
        match self.store.head(&path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(storage("look for", &path)(error)),
        }
    }

    /// Whether an object is there.
    pub(crate) async fn exists(&self, below: &str) -> Result<bool, DriverError> {
        Ok(self.size(below).await?.is_some())
    }

    /// Reads a small object whole, if it is there.
    pub(crate) async fn read(&self, below: &str) -> Result<Option<Vec<u8>>, DriverError> {
        let path = self.path(below);
        let object = match self.store.get(&path).await {
            Ok(object) => object,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(storage("read", &path)(error)),
        };
        let bytes = object.bytes().await.map_err(storage("read", &path))?;
        Ok(Some(bytes.to_vec()))
    }

    /// Writes a small object whole.
    pub(crate) async fn write(&self, below: &str, bytes: Vec<u8>) -> Result<(), DriverError> {
        let path = self.path(below);
        self.store
            .put(&path, bytes.into())
            .await
            .map_err(storage("write", &path))?;
        Ok(())
    }

    /// Writes a small object whole where there is none.
    pub(crate) async fn create(&self, below: &str, bytes: Vec<u8>) -> Result<Created, DriverError> {
        let path = self.path(below);
        let options = PutMode::Create.into();
        match self.store.put_opts(&path, bytes.into(), options).await {
            Ok(_) => Ok(Created::Here),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::Exists),
            Err(error) if is_unsupported(&error) => Ok(Created::Unsupported),
            Err(error) => Err(storage("create", &path)(error)),
        }
    }

    /// Moves an object.
    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> Result<(), DriverError> {
        self.store
            .rename(from, to)
            .await
            .map_err(storage("move to", to))
    }

    /// Removes an object; that it is gone already is no error.
    pub(crate) async fn delete(&self, path: &Path) -> Result<(), DriverError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(storage("remove", path)(error)),
        }
    }
}

/// What came of creating an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
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

/// The path without `..`, which no URL and no store takes. What it leads up from is resolved first,
/// because the folder above a link is not the one above what the link names.
fn without_parents(path: &FilePath) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                resolved = resolved.canonicalize().unwrap_or(resolved);
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

fn storage(action: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> DriverError {
    let path = path.to_string();
    move |source| DriverError::Storage {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        let given = root.join("a/b/../../out/./deep");
        let location = Location::parse(given.to_str().unwrap()).unwrap();
        let expected = Url::from_directory_path(root.join("out/deep")).unwrap();
        assert_eq!(*location.url(), expected);

        // Above a link is above what it names.
        std::os::unix::fs::symlink(root.join("a/b"), root.join("link")).unwrap();
        let given = root.join("link/../out");
        let location = Location::parse(given.to_str().unwrap()).unwrap();
        let expected = Url::from_directory_path(root.join("a/out")).unwrap();
        assert_eq!(*location.url(), expected);
    }
}
