//! What can go wrong with the results of runs.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use pomona_images::{ImagesError, store_answer};
use pomona_session::ScriptError;
use thiserror::Error;

/// The error of whoever writes or reads results.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// SQL failed.
    #[error(transparent)]
    Script(#[from] ScriptError),

    /// A location cannot be used, or its objects cannot be listed.
    #[error(transparent)]
    Images(#[from] ImagesError),

    /// An output holds files that no run of Pomona wrote.
    #[error(
        "'{output}' holds files under the names of results that no run of Pomona wrote: {}{}. \
         Nothing was computed or changed: choose an empty folder for --output, or move them away",
        first.join(", "), and_more(*count, first)
    )]
    ForeignFiles {
        /// The output.
        output: String,
        /// How many there are.
        count: usize,
        /// The first of them, relative to the output.
        first: Vec<String>,
    },

    /// The manifest of a finished run cannot be read.
    #[error(
        "'{output}' has a {path} that cannot be read ({reason}): \
         choose another --output, or move what is there away"
    )]
    UnreadableManifest {
        /// The output.
        output: String,
        /// The manifest, relative to the output.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// A file of a finished run is gone or not as it was.
    #[error(
        "'{output}' cannot be continued, because {path} is not there as manifest.json names it: \
         put it back, choose another --output, or pass --overwrite; pomona verify --integrity names \
         every such file"
    )]
    FileMissing {
        /// The output.
        output: String,
        /// The file, relative to the output.
        path: String,
    },

    /// Another run is writing the output.
    #[error(
        "'{output}' is being written by another run: {holder}, since {began}, run {run}, \
         last seen {seen} s ago. Wait until it ends, or choose another --output; \
         if you are sure that it runs no more, --force-unlock"
    )]
    Busy {
        /// The output.
        output: String,
        /// The process that holds it.
        holder: String,
        /// The run that holds it.
        run: String,
        /// When that run began.
        began: String,
        /// Seconds since it last renewed its lock.
        seen: i64,
    },

    /// Another run has taken the output over, or might have.
    #[error(
        "'{output}' was taken over while this run was writing it ({reason}): \
         nothing was published; run again when no other run writes it"
    )]
    LockLost {
        /// The output.
        output: String,
        /// How that is known.
        reason: String,
    },

    /// What lies where the lock should be is none.
    #[error(
        "'{output}' has a lock that cannot be read, {path} ({reason}): \
         --force-unlock removes it, if you are sure that no run writes there"
    )]
    UnreadableLock {
        /// The output.
        output: String,
        /// The lock, relative to the output.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// There is no finished run where one is to be read.
    #[error(
        "'{output}' holds no finished run: there is no manifest.json in it; \
         give the folder that pomona run was given as --output"
    )]
    NoRun {
        /// The folder.
        output: String,
    },

    /// Results have no files of a kind.
    #[error(
        "'{output}' has no Parquet files below '{folder}': its manifest.json names none; \
         LOCATION is one folder of a finished run, such as features/ or pca/parquet/"
    )]
    NoFiles {
        /// The folder of the run.
        output: String,
        /// The folder of its files.
        folder: String,
    },

    /// Results are no longer those that were opened.
    #[error(
        "the results of '{output}' are no longer those that were opened: {reason}. Open them again: \
         pomona.open('{output}') in Python, CREATE OR REPLACE EXTERNAL TABLE in SQL"
    )]
    Replaced {
        /// The folder of the run.
        output: String,
        /// What is not as it was.
        reason: String,
    },

    /// The files of a folder of results cannot be read.
    #[error(
        "the files of '{folder}' in '{output}' cannot be read: {reason}; pomona verify --integrity names those \
         that are damaged"
    )]
    FilesUnreadable {
        /// The folder of the run.
        output: String,
        /// The folder of its files.
        folder: String,
        /// What the reader says.
        reason: String,
    },

    /// Results have no file of a name.
    #[error("'{output}' has no {path}: its manifest.json does not name it")]
    NoFile {
        /// The folder of the run.
        output: String,
        /// The file, relative to the folder.
        path: String,
    },

    /// The manifest of results cannot be read.
    #[error("the {path} of '{location}' cannot be read: {reason}")]
    ResultsUnreadable {
        /// The folder.
        location: String,
        /// The manifest, relative to the folder.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },

    /// Storage failed while results were published or read back.
    #[error(
        "{action} '{path}': {}",
        store_answer(source).unwrap_or_else(|| source.to_string())
    )]
    Storage {
        /// What was being done.
        action: &'static str,
        /// The object.
        path: String,
        /// What the store says.
        source: object_store::Error,
    },

    /// A file of a disk cannot be read or written.
    #[error("{action} '{}': {source}", path.display())]
    Disk {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be done.
        source: std::io::Error,
    },

    /// Another process holds a step that takes milliseconds.
    #[error(
        "another process is writing the lock of '{}' and does not go on, so it is suspended: \
         let it go on (kill -CONT) or end it",
        folder.display()
    )]
    StandsStill {
        /// The output.
        folder: PathBuf,
    },

    /// A folder cannot be made.
    #[error("make the folder '{}': {source}", path.display())]
    MakeFolder {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be made.
        source: std::io::Error,
    },
}

impl From<DataFusionError> for ResultsError {
    fn from(error: DataFusionError) -> Self {
        Self::Script(error.into())
    }
}

fn and_more(count: usize, listed: &[String]) -> String {
    match count - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}
