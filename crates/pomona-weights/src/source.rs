//! [`Source`]: what a value of `pomona.weights` means.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url::Url;

use crate::LoadError;

/// The name of the weights that are part of the program. A file of that name is `./fruits`.
pub const FRUITS: &str = "fruits";

/// The name of the weights that are fetched from the hub. A file of that name is `./imagenet`.
pub const IMAGENET: &str = "imagenet";

/// Every name that weights have.
pub const NAMES: [&str; 2] = [FRUITS, IMAGENET];

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The file inside the program.
    Fruits,
    /// The Hugging Face Hub.
    Imagenet,
    /// A file on a disk.
    File(PathBuf),
    /// A file on a web server.
    Http(Url),
    /// An object of a store, literal as the column `path` writes it: `%20` is three characters, and
    /// neither `#` nor `?` begins anything.
    Object(String),
}

/// What changes when a file on a disk is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Source {
    /// Reads a name, a path or a URL.
    ///
    /// # Errors
    /// When a URL cannot be read.
    pub fn parse(value: &str) -> Result<Self, LoadError> {
        match value {
            FRUITS => return Ok(Self::Fruits),
            IMAGENET => return Ok(Self::Imagenet),
            _ => {}
        }
        // The forms of RFC 8089, as literal as every other path.
        if let Some(file) = value.strip_prefix("file:") {
            let path = match file.strip_prefix("//") {
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                None => file,
            };
            return match path.starts_with('/') {
                true => Ok(Self::File(PathBuf::from(path))),
                false => Err(LoadError::Url {
                    url: value.to_string(),
                    reason:
                        "a file URL has an absolute path, as in file:///data/weights.safetensors"
                            .to_string(),
                }),
            };
        }
        match value.split_once("://") {
            Some(("http" | "https", _)) => {
                let url = Url::parse(value).map_err(|source| LoadError::Url {
                    url: value.to_string(),
                    reason: source.to_string(),
                })?;
                Ok(Self::Http(url))
            }
            Some(_) => Ok(Self::Object(value.to_string())),
            None => Ok(Self::File(PathBuf::from(value))),
        }
    }

    /// The stamp of a file on a disk as it is now; none where there is no such file, and for
    /// everything else, which is read once a process.
    pub fn stamp(&self) -> Option<Stamp> {
        let Self::File(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
        })
    }

    /// Whether this may have been meant as a name: a word that is no file.
    pub(crate) fn looks_like_a_name(path: &Path) -> bool {
        path.components().count() == 1 && path.extension().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Source {
        Source::parse(value).unwrap()
    }

    #[test]
    fn names_paths_and_urls_are_distinguished() {
        assert_eq!(parsed("fruits"), Source::Fruits);
        assert_eq!(parsed("imagenet"), Source::Imagenet);
        assert_eq!(parsed("./fruits"), Source::File("./fruits".into()));
        assert_eq!(
            parsed("a b/w.safetensors"),
            Source::File("a b/w.safetensors".into())
        );
        assert_eq!(parsed("file:///a b/w"), Source::File("/a b/w".into()));
        assert_eq!(
            parsed("file:///a%20b/w#1"),
            Source::File("/a%20b/w#1".into())
        );
        assert_eq!(parsed("file:/w?"), Source::File("/w?".into()));
        assert_eq!(parsed("file://localhost/w"), Source::File("/w".into()));
        assert!(matches!(parsed("https://host/w"), Source::Http(_)));
        let object = "s3://bucket/a%20b/w#1?";
        assert_eq!(parsed(object), Source::Object(object.into()));
        for none in ["http://", "file://here/w", "file:w"] {
            let error = Source::parse(none).unwrap_err().to_string();
            assert!(error.contains(none), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        let source = Source::File(path.clone());
        assert_eq!(source.stamp(), None);
        std::fs::write(&path, "one").unwrap();
        let before = source.stamp();
        assert!(before.is_some() && before == source.stamp());
        std::fs::write(&path, "three").unwrap();
        assert_ne!(source.stamp(), before);
        assert_eq!(Source::Fruits.stamp(), None);
    }
}
