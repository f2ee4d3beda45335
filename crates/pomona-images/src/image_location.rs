//! [`ImageLocation`]: what a location of images came to mean.

use std::fmt;
use std::path::PathBuf;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::ImagesError;

/// One resolved location of an image table: a folder, a single object, or a folder with a glob.
///
/// It is plain text inside, so that it can be written into a plan and read by another process
/// without asking the store again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageLocation {
    /// As written in LOCATION.
    pub(crate) text: String,
    /// Scheme and authority with a slash at the end: `s3://bucket/`, `file:///`.
    pub(crate) store: String,
    /// The folder's, or the object's, path in the store, literal, without slashes at its ends.
    pub(crate) path: String,
    /// The glob that follows the folder, relative to it.
    pub(crate) pattern: Option<String>,
    /// Whether `path` is one object, not a folder.
    pub(crate) is_object: bool,
    /// Whether the shards at this location are read, and what of them: a member, what is below a
    /// folder inside, or, if it is empty, everything.
    #[serde(default)]
    pub(crate) within: Option<String>,
}

impl ImageLocation {
    /// The store that holds this location, to be asked of a `RuntimeEnv`.
    ///
    /// # Errors
    /// [`ImagesError::InvalidLocation`] if scheme and authority are no URL.
    pub fn object_store_url(&self) -> Result<ObjectStoreUrl, ImagesError> {
        ObjectStoreUrl::parse(&self.store).map_err(|e| self.invalid(e.to_string()))
    }

    /// The folder, or the object, without any glob, as a path in its store.
    ///
    /// # Errors
    /// [`ImagesError::InvalidLocation`] if the store can have no such path.
    pub fn object_path(&self) -> Result<Path, ImagesError> {
        Path::parse(&self.path).map_err(|e| self.invalid(e.to_string()))
    }

    /// The path on the local file system, for a location that is there.
    pub(crate) fn local_path(&self) -> Option<PathBuf> {
        (self.store == "file:///").then(|| PathBuf::from(format!("/{}", self.path)))
    }

    /// The glob below the folder, if the location has one.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// Whether the location is one object.
    pub fn is_object(&self) -> bool {
        self.is_object
    }

    /// Whether the location is something inside a shard.
    pub fn is_inside_shard(&self) -> bool {
        self.within
            .as_ref()
            .is_some_and(|within| !within.is_empty())
    }

    /// The folder, or the object, without any glob, as a percent-encoded URL: a folder's ends in a
    /// slash.
    ///
    /// # Errors
    /// [`ImagesError::InvalidLocation`] if scheme and authority are no URL.
    pub fn encoded_url(&self) -> Result<Url, ImagesError> {
        let mut url = Url::parse(&self.store).map_err(|e| self.invalid(e.to_string()))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            let path = self.path.split('/').filter(|segment| !segment.is_empty());
            segments.pop_if_empty().extend(path);
            if !self.is_object {
                segments.push("");
            }
        }
        Ok(url)
    }

    /// Whether a path of the column `path` is this object or below this folder.
    pub fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.url());
        rest.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    /// The folder, or the object, without any glob, as a person writes it.
    pub fn url(&self) -> String {
        format!("{}{}", self.store, self.path)
    }

    /// Reads shards at this location, or not; what a location inside a shard names is read anyway.
    pub(crate) fn read_shards(&mut self, are_read: bool) {
        if !self.is_inside_shard() {
            self.within = are_read.then(String::new);
        }
    }

    fn invalid(&self, reason: String) -> ImagesError {
        ImagesError::InvalidLocation {
            location: self.text.clone(),
            reason,
        }
    }
}

/// The whole location with its glob; a folder ends in a slash.
impl fmt::Display for ImageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.store, self.path)?;
        if !self.is_object && !self.path.is_empty() {
            f.write_str("/")?;
        }
        f.write_str(self.pattern.as_deref().unwrap_or_default())
    }
}
