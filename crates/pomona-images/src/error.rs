//! What can go wrong with an image table, and how DataFusion hears of it.

use std::error::Error;
use std::io;

use datafusion::error::DataFusionError;

use crate::store_refusal::store_answer;
use crate::urls::ReadFault;

/// Errors of image tables. Each names the option, folder or object at fault.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of a variant says what its fields are"
)]
pub enum ImagesError {
    /// `OPTIONS` has a key that image tables do not know.
    #[error("unknown option '{name}' of an image table: {advice}")]
    UnknownOption { name: String, advice: String },
    /// `OPTIONS` has a value that cannot be used.
    #[error("option '{name}' of an image table is '{value}', but must be {expected}")]
    InvalidOption {
        name: &'static str,
        value: String,
        expected: String,
    },
    /// A location of images, results or weights cannot be understood.
    #[error("location '{location}' cannot be used: {reason}")]
    InvalidLocation { location: String, reason: String },
    /// `CREATE EXTERNAL TABLE` has a clause that makes no sense for images.
    #[error("{clause} cannot be given for an image table: {reason}")]
    UnsupportedClause {
        clause: &'static str,
        reason: &'static str,
    },
    /// The table function `images` cannot be called so.
    #[error(
        "images(…) cannot be called so: {reason}; write images('s3://bucket/folder/'), or a list of \
         locations, and options by their names, as in images('folder/', recursive => false)"
    )]
    Arguments { reason: String },
    /// A glob in a query matches nothing.
    #[error(
        "no image matches {location}: check the pattern, in which * stays within a folder and ** crosses folders"
    )]
    NothingMatches { location: String },
    /// The folder of `LOCATION` is not there.
    #[error("no such folder: {folder} (LOCATION '{location}'): {advice}")]
    NoSuchFolder {
        folder: String,
        location: String,
        advice: String,
    },
    /// The prefix of `LOCATION` has no object below it, so it is most likely misspelt.
    #[error("no object found below {prefix} (LOCATION '{location}'): {advice}")]
    NoObjects {
        prefix: String,
        location: String,
        advice: String,
    },
    /// The store refused or failed to list.
    #[error("cannot list {location}: {}", said(source))]
    List {
        location: String,
        source: object_store::Error,
    },
    /// The object was listed, but is not there any more.
    #[error(
        "{path} vanished after it was listed (OPTIONS (missing 'null') reads such objects as NULL): {source}"
    )]
    Vanished {
        path: String,
        source: object_store::Error,
    },
    /// The object was listed, but may not be read.
    #[error(
        "{path} may not be read (OPTIONS (missing 'null') reads such objects as NULL): {}",
        said(source)
    )]
    Forbidden {
        path: String,
        source: object_store::Error,
    },
    /// The shard is not the one that was listed, so its images are elsewhere in it.
    #[error(
        "{path} changed after it was listed (OPTIONS (missing 'null') reads its images as NULL): \
         list it again"
    )]
    Changed { path: String },
    /// An image in a shard cannot be read, or a shard cannot be listed.
    #[error("{path} cannot be read (OPTIONS (missing 'null') reads such images as NULL): {reason}")]
    Member { path: String, reason: String },
    /// The location names something in a shard that is not there.
    #[error("{shard} has no image '{member}', and no folder of this name with images in it")]
    NoMember { shard: String, member: String },
    /// The store denies one object after the other, or the credentials have expired.
    #[error(
        "{count} objects in a row were denied, so the right to read is gone and not a fault of \
         single objects: check the credentials, or choose other objects; the last one: {last}"
    )]
    Denied { count: u64, last: String },
    /// The object could not be read for a reason that another attempt may not meet.
    #[error("cannot read {path}: {}", said(source))]
    Fetch {
        path: String,
        source: object_store::Error,
    },
    /// The object exceeds what one value of a Binary column can hold, 2 GiB.
    #[error(
        "{path} has {length} bytes, and a value holds at most {} (choose other objects with OPTIONS (glob ...) or WHERE length < ...)",
        i32::MAX
    )]
    TooLarge { path: String, length: u64 },
    /// Objects grew so much since they were listed that their batch cannot be built.
    #[error(
        "the objects from {path} on grew to {length} bytes since they were listed; a batch holds at most {}",
        i32::MAX
    )]
    BatchOverflow { path: String, length: u64 },
    /// A file that lists images is not what it should be.
    #[error("the listing {file} cannot be used: {reason}")]
    Listing { file: String, reason: String },
    /// A URL of a table cannot be read.
    #[error("cannot read {url}: {fault}")]
    Read { url: String, fault: ReadFault },
    /// An option of the session about URLs has a value that cannot be used.
    #[error("{name} is '{value}', but must be {expected}")]
    InvalidUrlOption {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    /// A row of the listing has a path that is not an object's URL.
    #[error("'{path}' is not the URL of an object")]
    InvalidPath { path: String },
}

impl ImagesError {
    /// Sorts a failed GET of `path` into vanished, forbidden and the rest.
    pub(crate) fn from_get(path: String, source: object_store::Error) -> Self {
        match &source {
            object_store::Error::NotFound { .. } => Self::Vanished { path, source },
            object_store::Error::PermissionDenied { .. } => Self::Forbidden { path, source },
            _ if is_permission_denied(&source) => Self::Forbidden { path, source },
            _ => Self::Fetch { path, source },
        }
    }

    /// Why the object cannot be read, without its path: what the store or the system says.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Vanished { .. } => "not found: it was listed, and is gone since".to_owned(),
            Self::Forbidden { source, .. } => format!("may not be read: {}", words(source)),
            Self::TooLarge { length, .. } => {
                format!("{length} bytes, and a value holds at most {}", i32::MAX)
            }
            Self::Changed { .. } => "its shard changed after it was listed".to_owned(),
            Self::Member { reason, .. } => reason.clone(),
            Self::Read { fault, .. } => fault.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether a store refused to give the object to who asks. That it is archived (S3 answers 403
    /// then too) and that a file's mode forbids to read it says nothing of the next object.
    pub(crate) fn is_denial(&self) -> bool {
        match self {
            Self::Forbidden { path, source } => {
                !path.starts_with("file:") && !source.to_string().contains("InvalidObjectState")
            }
            _ => false,
        }
    }

    /// Whether the answer was about the credentials and not about the object.
    pub(crate) fn is_about_credentials(&self) -> bool {
        const CODES: [&str; 6] = [
            "ExpiredToken",
            "TokenRefreshRequired",
            "InvalidToken",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "RequestTimeTooSkewed",
        ];
        match self {
            Self::Forbidden { source, .. } => {
                let text = source.to_string();
                CODES.iter().any(|code| text.contains(code))
            }
            _ => false,
        }
    }

    /// Whether a location is wrong as it is written, wherever it is asked for.
    pub fn is_misspelt(&self) -> bool {
        matches!(self, Self::InvalidLocation { .. })
    }

    /// Whether the same request may succeed when it is made again.
    pub fn is_transient(&self) -> bool {
        use object_store::Error::{Generic, JoinError};
        match self {
            Self::List { source, .. } | Self::Fetch { source, .. } => {
                matches!(source, Generic { .. } | JoinError { .. })
            }
            Self::Read { fault, .. } => fault.is_transient(),
            _ => false,
        }
    }
}

impl From<ImagesError> for DataFusionError {
    /// A fault of the storage becomes a root `IoError`, the only kind of error for which a
    /// distributed scheduler runs a task again; everything else is `External`. Both keep the
    /// [`ImagesError`] inside.
    fn from(error: ImagesError) -> Self {
        if error.is_transient() {
            Self::IoError(io::Error::other(error))
        } else {
            Self::External(Box::new(error))
        }
    }
}

/// What a store said in words, or all of the error.
fn said(error: &object_store::Error) -> String {
    store_answer(error).unwrap_or_else(|| error.to_string())
}

/// What a store said in words, or the innermost cause.
fn words(error: &object_store::Error) -> String {
    if let Some(answer) = store_answer(error) {
        return answer;
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The local file system reports a forbidden file as a generic error whose source is the
/// operating system's.
fn is_permission_denied(error: &object_store::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return io.kind() == io::ErrorKind::PermissionDenied;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Box<dyn Error + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic {
            store: "test",
            source: source.into(),
        }
    }

    #[test]
    fn storage_faults_are_root_io_errors_that_keep_their_type() {
        let error = ImagesError::from_get("s3://b/a.jpg".into(), generic("connection reset"));
        let DataFusionError::IoError(io) = DataFusionError::from(error) else {
            panic!("a transient fault must be an IoError");
        };
        assert!(io.to_string().contains("s3://b/a.jpg"), "{io}");
        let inner = io.get_ref().and_then(|e| e.downcast_ref::<ImagesError>());
        assert!(matches!(inner, Some(ImagesError::Fetch { .. })));
    }

    #[test]
    fn a_forbidden_local_file_is_forbidden() {
        let denied = generic(io::Error::from(io::ErrorKind::PermissionDenied));
        let error = ImagesError::from_get("file:///a.jpg".into(), denied);
        assert!(matches!(error, ImagesError::Forbidden { .. }), "{error:?}");
        assert!(matches!(
            DataFusionError::from(error),
            DataFusionError::External(_)
        ));
    }
}
