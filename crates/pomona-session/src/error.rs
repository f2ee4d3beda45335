//! The errors of reaching storage.

use std::io;

use datafusion::error::DataFusionError;
use pomona_images::{ImagesError, store_answer};
use thiserror::Error;

/// The error of a session that cannot reach its storage.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The URL has a scheme that no store serves.
    #[error(
        "no object store for '{url}': Pomona reads and writes local paths, file:// and s3:// URLs"
    )]
    UnknownScheme {
        /// The URL.
        url: String,
    },

    /// An `s3://` URL without a bucket.
    #[error("'{url}' names no bucket: write s3://BUCKET/PREFIX/")]
    NoBucket {
        /// The URL.
        url: String,
    },

    /// The credentials chain has no credentials.
    #[error(
        "no AWS credentials for s3://{bucket}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         or AWS_PROFILE, or run on an instance with a role; \
         set AWS_SKIP_SIGNATURE=true for a public bucket ({reason})"
    )]
    NoCredentials {
        /// The bucket.
        bucket: String,
        /// The error of the credentials chain.
        reason: String,
    },

    /// A name in FROM is that of files, of which no table can be made.
    #[error("'{name}' is no table: {reason}")]
    NoTable {
        /// The name, as written.
        name: String,
        /// Why it is none, and what to write instead.
        reason: String,
    },

    /// An option of the session is unknown, or has a value that it does not accept.
    #[error("{name} cannot be '{value}': {reason}")]
    Option {
        /// The option.
        name: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },

    /// Files are not what their names or the statement say.
    #[error("{files} cannot be read: {reason}")]
    Unreadable {
        /// The file, or the folder of the files, in quotes.
        files: String,
        /// What the reader says.
        reason: String,
    },

    /// A parameter of a statement has no value.
    #[error("the parameter {name} has no value: pass a list for $1, $2, …, or a mapping for $name")]
    NoValue {
        /// The parameter, as written.
        name: String,
    },

    /// A value is given, and the statement has no such parameter.
    #[error("a value is given for {name}, but the statement has no parameter {name}")]
    NoParameter {
        /// The parameter that the value is for.
        name: String,
    },

    /// A file or an object cannot be written.
    #[error("cannot write {place}: {reason}")]
    Write {
        /// The file or the object.
        place: String,
        /// What the store or the system says.
        reason: String,
    },

    /// An environment variable has an invalid value.
    #[error("{name} is '{value}', but must be {expected}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values that it accepts.
        expected: &'static str,
    },
}

/// The text of an error for users: that of the innermost error, without the engine's prefixes
/// "External error:" and "IO error:", and what a store said without its XML.
pub fn plain_message(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::External(inner) => inner.to_string(),
        // It has the location, too.
        DataFusionError::IoError(inner) if is_of_images(inner) => inner.to_string(),
        DataFusionError::IoError(inner) => said(inner),
        DataFusionError::ObjectStore(inner) => said(inner.as_ref()),
        root => said(root),
    }
}

fn is_of_images(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<ImagesError>())
}

fn said(error: &(dyn std::error::Error + 'static)) -> String {
    store_answer(error).unwrap_or_else(|| error.to_string())
}

impl From<SessionError> for DataFusionError {
    fn from(error: SessionError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<SessionError> for object_store::Error {
    fn from(error: SessionError) -> Self {
        Self::Generic {
            store: "S3",
            source: Box::new(error),
        }
    }
}
