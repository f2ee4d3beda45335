//! Where pictures are: the text of LOCATION and what it came to mean.

use std::fmt;
use std::path::Path as FilePath;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

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

    /// The folder, or the object, without any glob, as a person writes it.
    pub fn url(&self) -> String {
        format!("{}{}", self.store, self.path)
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

/// The text of LOCATION taken apart, before a store has been asked what it names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrittenLocation {
    pub text: String,
    pub store: String,
    /// Segments that are neither empty nor `.`.
    pub segments: Vec<String>,
    /// Whether it ends in a slash and so cannot be one object.
    pub is_folder: bool,
}

impl WrittenLocation {
    /// Takes a URL or a path of the local file system apart. URLs are literal, as the AWS command
    /// line takes them and as the column `path` writes them: `%20` is three characters.
    pub fn parse(text: &str) -> Result<Self, ImagesError> {
        let invalid = |reason: &str| ImagesError::InvalidLocation {
            location: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.trim().is_empty() {
            return Err(invalid("it is empty"));
        }
        let (store, path) = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                match (scheme.to_lowercase().as_str(), authority) {
                    ("file", "" | "localhost") => ("file:///".to_owned(), path.to_owned()),
                    ("file", _) => {
                        return Err(invalid(
                            "a file URL has three slashes before an absolute path, as in file:///data/",
                        ));
                    }
                    ("s3" | "s3a" | "s3n", "") => {
                        return Err(invalid("the bucket is missing, as in s3://bucket/folder/"));
                    }
                    // Hadoop's names for the same store.
                    ("s3a" | "s3n", bucket) => (format!("s3://{bucket}/"), path.to_owned()),
                    (scheme, authority) => (format!("{scheme}://{authority}/"), path.to_owned()),
                }
            }
            _ => {
                let path = text
                    .strip_prefix("file:")
                    .filter(|path| path.starts_with('/'));
                (
                    "file:///".to_owned(),
                    local_path(path.unwrap_or(text), text)?,
                )
            }
        };
        let segments: Vec<_> = path
            .split('/')
            .filter(|segment| !segment.is_empty() && *segment != ".")
            .map(str::to_owned)
            .collect();
        if segments.iter().any(|segment| segment == "..") {
            return Err(invalid(
                "'..' is not resolved in URLs; write the folder itself",
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            store,
            is_folder: segments.is_empty() || path.ends_with('/'),
            segments,
        })
    }

    /// All segments as a literal folder or object.
    pub fn literal(&self, is_object: bool) -> ImageLocation {
        self.location(self.segments.len(), is_object)
    }

    /// The literal folder before the first segment with a glob character, and the glob from there
    /// on; `None` if there is no such character.
    pub fn glob(&self) -> Option<ImageLocation> {
        let first = self
            .segments
            .iter()
            .position(|s| s.contains(['*', '?', '[']))?;
        let mut location = self.location(first, false);
        location.pattern = Some(self.segments[first..].join("/"));
        Some(location)
    }

    fn location(&self, segments: usize, is_object: bool) -> ImageLocation {
        ImageLocation {
            text: self.text.clone(),
            store: self.store.clone(),
            path: self.segments[..segments].join("/"),
            pattern: None,
            is_object,
        }
    }
}

/// The absolute form of a local path. Symbolic links stay as they are written, unless the path
/// climbs with `..`, which only the file system itself can resolve.
fn local_path(path: &str, text: &str) -> Result<String, ImagesError> {
    let invalid = |reason: String| ImagesError::InvalidLocation {
        location: text.to_owned(),
        reason,
    };
    let absolute = std::path::absolute(path).map_err(|e| invalid(e.to_string()))?;
    let mut resolved = absolute
        .to_str()
        .ok_or_else(|| invalid("the current folder's name is not Unicode".to_owned()))?
        .to_owned();
    if let Some((climbing, below)) = split_after_last_parent(&resolved) {
        let climbed = FilePath::new(climbing)
            .canonicalize()
            .map_err(|e| invalid(format!("{climbing}: {e}")))?;
        let climbed = climbed
            .to_str()
            .ok_or_else(|| invalid(format!("{} is not Unicode", climbed.display())))?;
        resolved = format!("{climbed}{below}");
    }
    if cfg!(windows) {
        resolved = resolved.replace('\\', "/");
    }
    Ok(resolved)
}

/// Splits `/a/../b/c` into `/a/..` and `/b/c`.
fn split_after_last_parent(path: &str) -> Option<(&str, &str)> {
    let end = match path.rfind("/../") {
        Some(start) => start + 3,
        None if path.ends_with("/..") => path.len(),
        None => return None,
    };
    Some(path.split_at(end))
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> String {
        WrittenLocation::parse(text)
            .unwrap()
            .literal(false)
            .to_string()
    }

    #[test]
    fn urls_are_literal() {
        assert_eq!(folder("s3://bucket"), "s3://bucket/");
        assert_eq!(
            folder("s3://bucket/Apple Braeburn/"),
            "s3://bucket/Apple Braeburn/"
        );
        assert_eq!(
            folder("s3a://bucket//a/./b%20c+d"),
            "s3://bucket/a/b%20c+d/"
        );
        assert_eq!(folder("file:///data/é#1?/"), "file:///data/é#1?/");
        assert_eq!(folder("file:/data"), "file:///data/");
        assert_eq!(folder("file://localhost/data"), "file:///data/");
    }

    #[test]
    fn bare_paths_become_absolute() {
        let here = std::env::current_dir()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(folder("./src/"), format!("file://{here}/src/"));
        assert_eq!(folder("src/../src"), format!("file://{here}/src/"));
        assert_eq!(folder("/tmp/a//b"), "file:///tmp/a/b/");
    }

    #[test]
    fn what_cannot_be_a_location_is_refused() {
        for text in [
            "",
            "  ",
            "file://data/x",
            "s3:///x",
            "s3://bucket/../x",
            "no/such/../x",
        ] {
            assert!(WrittenLocation::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_glob_starts_at_its_first_segment() {
        let written = WrittenLocation::parse("s3://bucket/data/*/x/*.jpg").unwrap();
        let glob = written.glob().unwrap();
        assert_eq!(glob.url(), "s3://bucket/data");
        assert_eq!(glob.pattern.as_deref(), Some("*/x/*.jpg"));
        assert_eq!(glob.to_string(), "s3://bucket/data/*/x/*.jpg");
        assert_eq!(
            WrittenLocation::parse("s3://bucket/data/").unwrap().glob(),
            None
        );
    }
}
