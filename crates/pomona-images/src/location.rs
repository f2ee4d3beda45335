//! [`Location`]: where images and results are, as a person writes it.

use std::fmt;
use std::path::{Component, Path as FilePath, PathBuf};

use object_store::path::Path;
use url::Url;

use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::shards::ShardKind;

/// A folder or an object as a person names it: a path, relative or absolute, or a URL.
///
/// The one type for inputs, outputs, weights and look-ups. It is literal, as the AWS command line
/// takes locations and as the column `path` writes them: `%20` is three characters, and neither
/// `#` nor `?` begins anything. No store has been asked what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    text: String,
    /// Scheme and authority with a slash at the end: `s3://bucket/`, `file:///`.
    store: String,
    /// Segments that are neither empty nor `.`.
    segments: Vec<String>,
    /// Whether it ends in a slash and so cannot be one object.
    pub(crate) is_folder: bool,
}

impl Location {
    /// Takes a URL or a path of the local file system apart.
    ///
    /// # Errors
    /// [`ImagesError::InvalidLocation`] if it is empty, has no bucket, holds credentials, climbs
    /// with `..` in a URL, or has a name that no object can have.
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
                if let Some((_, host)) = authority.rsplit_once('@') {
                    // The text itself may be a secret, so the error does not repeat it.
                    return Err(ImagesError::InvalidLocation {
                        location: format!("{scheme}://…@{host}/{path}"),
                        reason: "credentials in a URL end up in results and logs; set \
                                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, \
                                 instead"
                            .to_owned(),
                    });
                }
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
            _ => ("file:///".to_owned(), local_path(text)?),
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
        let this = Self {
            text: text.to_owned(),
            store,
            is_folder: segments.is_empty() || path.ends_with('/'),
            segments,
        };
        Url::parse(&this.store).map_err(|error| invalid(&error.to_string()))?;
        Path::parse(this.key()).map_err(|error| invalid(&error.to_string()))?;
        Ok(this)
    }

    /// The path in the store, literal, without slashes at its ends.
    fn key(&self) -> String {
        self.segments.join("/")
    }

    /// The location as a folder's URL, percent-encoded and with a slash at its end: what
    /// DataFusion takes for `LOCATION` and `COPY TO`.
    pub fn url(&self) -> Url {
        let mut url = Url::parse(&self.store).expect("parse has tried it");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.segments).push("");
        }
        url
    }

    /// The percent-encoded URL of something below the folder, given with slashes.
    pub fn below(&self, path: &str) -> String {
        let mut url = self.url();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url.into()
    }

    /// The folder as the column `path` begins: nothing escaped, and a slash at its end.
    pub fn written(&self) -> String {
        match self.segments.as_slice() {
            [] => self.store.clone(),
            segments => format!("{}{}/", self.store, segments.join("/")),
        }
    }

    /// The folder that this one is in, and this one's name there; `None` for the root of a store.
    pub fn parent(&self) -> Option<(Self, String)> {
        let (name, above) = self.segments.split_last()?;
        let mut parent = Self {
            segments: above.to_vec(),
            is_folder: true,
            ..self.clone()
        };
        parent.text = parent.written();
        Some((parent, name.clone()))
    }

    /// The path on the local file system, for a location that is there.
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.store == "file:///").then(|| PathBuf::from(format!("/{}", self.key())))
    }

    /// The path in its store.
    pub fn object_path(&self) -> Path {
        Path::parse(self.key()).expect("parse has tried it")
    }

    /// The location with symbolic links resolved as far as it exists, to compare two of them.
    pub fn resolved(&self) -> Self {
        let Some(path) = self.local_path() else {
            return self.clone();
        };
        let mut missing = vec![];
        let mut existing = path.as_path();
        let real = loop {
            match (existing.canonicalize(), existing.parent()) {
                (Ok(real), _) => break real,
                (Err(_), Some(parent)) => {
                    missing.extend(existing.file_name());
                    existing = parent;
                }
                (Err(_), None) => return self.clone(),
            }
        };
        let whole = missing
            .iter()
            .rev()
            .fold(real, |path, name| path.join(name));
        match whole.to_str() {
            Some(whole) => Self {
                segments: whole
                    .split('/')
                    .filter(|segment| !segment.is_empty())
                    .map(str::to_owned)
                    .collect(),
                ..self.clone()
            },
            None => self.clone(),
        }
    }

    /// The folder before the first segment with a glob character; the location itself if there is
    /// none.
    pub fn before_glob(&self) -> Self {
        let globs = |segment: &String| segment.contains(['*', '?', '[']);
        let first = self.segments.iter().position(globs);
        Self {
            segments: self.segments[..first.unwrap_or(self.segments.len())].to_vec(),
            ..self.clone()
        }
    }

    /// Where `other` is below this folder, as segments; `Some([])` for the folder itself.
    pub fn strip<'a>(&self, other: &'a Self) -> Option<&'a [String]> {
        (self.store == other.store)
            .then(|| other.segments.strip_prefix(self.segments.as_slice()))
            .flatten()
    }

    /// All segments as a literal folder or object.
    pub(crate) fn literal(&self, is_object: bool) -> ImageLocation {
        self.location(self.segments.len(), is_object)
    }

    /// The literal folder before the first segment with a glob character, and the glob from there
    /// on; `None` if there is no such character.
    pub(crate) fn glob(&self) -> Option<ImageLocation> {
        let first = self
            .segments
            .iter()
            .position(|s| s.contains(['*', '?', '[']))?;
        let mut location = self.location(first, false);
        location.pattern = Some(self.segments[first..].join("/"));
        Some(location)
    }

    /// The shards among the segments of the location, the innermost last, each with what the location
    /// names inside it.
    pub(crate) fn shards(&self) -> impl Iterator<Item = ImageLocation> {
        let positions = 1..=self.segments.len();
        let shards =
            positions.filter(move |&end| ShardKind::of_name(&self.segments[end - 1]).is_some());
        shards.map(move |end| {
            let mut shard = self.location(end, true);
            shard.within = Some(self.segments[end..].join("/"));
            shard
        })
    }

    fn location(&self, segments: usize, is_object: bool) -> ImageLocation {
        ImageLocation {
            text: self.text.clone(),
            store: self.store.clone(),
            path: self.segments[..segments].join("/"),
            pattern: None,
            is_object,
            within: None,
        }
    }
}

/// As it was given.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The absolute form of a local path. Symbolic links stay as they are written, unless the path
/// climbs with `..`, which only the file system itself can resolve.
fn local_path(text: &str) -> Result<String, ImagesError> {
    let invalid = |reason: String| ImagesError::InvalidLocation {
        location: text.to_owned(),
        reason,
    };
    // The forms that RFC 8089 allows besides file:///.
    let path = match text.strip_prefix("file:") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => {
            return Err(invalid(
                "a file URL has an absolute path, as in file:///data/".to_owned(),
            ));
        }
        None => text,
    };
    if path.starts_with('~') {
        return Err(invalid(
            "only a shell expands ~, and only where it is not quoted: write the folder's whole \
             path, or ./~ for a folder of that name"
                .to_owned(),
        ));
    }
    let absolute = std::path::absolute(path).map_err(|e| invalid(e.to_string()))?;
    let mut resolved = without_parents(&absolute)
        .to_str()
        .ok_or_else(|| invalid("the current folder's name is not Unicode".to_owned()))?
        .to_owned();
    if path.ends_with('/') && !resolved.ends_with('/') {
        resolved.push('/');
    }
    if cfg!(windows) {
        resolved = resolved.replace('\\', "/");
    }
    Ok(resolved)
}

/// The path without `..`. What it leads up from is resolved first, because the folder above a
/// link is not the one above what the link names.
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
        Location::parse(text).unwrap().literal(false).to_string()
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
            "s3://bucket/a\tb",
            "s3://KEY:SECRET@bucket/x",
            "file:data",
            "~",
            "~/data",
        ] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_with_credentials_is_not_repeated() {
        let error = Location::parse("s3://KEY:HUSH@bucket/x").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("HUSH") && text.contains("AWS_PROFILE"),
            "{text}"
        );
    }

    #[test]
    fn a_url_for_the_engine_is_escaped() {
        let location = Location::parse("s3://out/exp#2?/a%20b c").unwrap();
        assert_eq!(location.written(), "s3://out/exp#2?/a%20b c/");
        assert_eq!(location.url().as_str(), "s3://out/exp%232%3F/a%2520b%20c/");
        assert_eq!(
            location.below("features/x.parquet"),
            "s3://out/exp%232%3F/a%2520b%20c/features/x.parquet"
        );
        assert_eq!(
            Path::from_url_path(location.url().path()).unwrap(),
            location.object_path()
        );
    }

    #[test]
    fn folders_above_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let parse = |path: &str| Location::parse(root.join(path).to_str().unwrap()).unwrap();
        assert_eq!(
            parse("a/b/../../out/./deep"),
            Location {
                text: root
                    .join("a/b/../../out/./deep")
                    .to_str()
                    .unwrap()
                    .to_owned(),
                ..parse("out/deep")
            }
        );
        // Above a link is above what it names.
        std::os::unix::fs::symlink(root.join("a/b"), root.join("link")).unwrap();
        assert_eq!(parse("link/../out").written(), parse("a/out").written());
        // And two ways to one folder are one place.
        let (link, real) = (parse("link/new/x").resolved(), parse("a/b/new").resolved());
        assert_eq!(real.strip(&link), Some(["x".to_owned()].as_slice()));
        assert_eq!(link.strip(&real), None);
    }

    #[test]
    fn a_glob_starts_at_its_first_segment() {
        let written = Location::parse("s3://bucket/data/*/x/*.jpg").unwrap();
        let glob = written.glob().unwrap();
        assert_eq!(glob.url(), "s3://bucket/data");
        assert_eq!(glob.pattern.as_deref(), Some("*/x/*.jpg"));
        assert_eq!(glob.to_string(), "s3://bucket/data/*/x/*.jpg");
        assert_eq!(Location::parse("s3://bucket/data/").unwrap().glob(), None);
    }
}
