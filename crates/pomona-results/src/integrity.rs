//! [`Integrity`]: whether the files of a finished run are those that were published.

use std::fmt::{self, Display, Formatter};

use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt, stream};

use crate::layout::TEMPORARY;
use crate::output::CONCURRENCY;
use crate::store_folder::StoreFolder;
use crate::{FinishedRun, PublishedFile, ResultsError};

/// What is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A file that is not there.
    Missing,
    /// A file of another length, in bytes.
    Length {
        /// The length that the manifest names.
        expected: u64,
        /// The length that the file has.
        found: u64,
    },
    /// A file of the right length with other bytes, by their sha256.
    Bytes {
        /// The sha256 that the manifest names.
        expected: String,
        /// The sha256 of the file.
        found: String,
    },
    /// A file under a name of results that the manifest does not name.
    NotNamed,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Length { expected, found } => {
                write!(f, "has {found} bytes, and manifest.json names {expected}")
            }
            Self::Bytes { expected, found } => {
                write!(f, "has sha256 {found}, and manifest.json names {expected}")
            }
            Self::NotNamed => f.write_str("is not named by manifest.json"),
        }
    }
}

/// The files of a finished run, compared with its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Integrity {
    /// The files that are not as the manifest says, by their paths.
    pub findings: Vec<(String, Finding)>,
    /// The files that were read and are as the manifest says.
    pub equal: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The files of which the manifest has no sha256, so that their length alone was compared.
    pub without_sha256: usize,
}

impl Integrity {
    /// Reads every file of a finished run.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(runtime: &RuntimeEnv, run: &FinishedRun) -> Result<Self, ResultsError> {
        let folder = StoreFolder::of(runtime, run.location())?;
        let mut there = folder.published().await?;
        for object in folder.list(TEMPORARY).await? {
            there.insert(folder.relative(&object.location), object.size);
        }
        let files = stream::iter(&run.manifest().files).map(|file| {
            let length = there.get(run.place(file)).copied();
            let folder = &folder;
            async move { Ok::<_, ResultsError>((file, compare(folder, run, file, length).await?)) }
        });
        let compared: Vec<_> = files.buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut this = Self::default();
        for (file, finding) in compared {
            match finding {
                Some(finding) => this.findings.push((file.path.clone(), finding)),
                None => {
                    this.equal += 1;
                    this.bytes += file.bytes;
                    this.without_sha256 += usize::from(file.sha256.is_none());
                }
            }
        }
        let is_named = |path: &String| {
            run.manifest().paths().any(|named| named == path)
                || run.obsolete().contains(path)
                || path.starts_with(TEMPORARY)
        };
        let others = there.into_keys().filter(|path| !is_named(path));
        this.findings
            .extend(others.map(|path| (path, Finding::NotNamed)));
        this.findings.sort();
        Ok(this)
    }
}

/// What of a file is not as the manifest says, given its length if it is there.
async fn compare(
    folder: &StoreFolder,
    run: &FinishedRun,
    file: &PublishedFile,
    length: Option<u64>,
) -> Result<Option<Finding>, ResultsError> {
    let expected = file.bytes;
    match (length, &file.sha256) {
        (None, _) => Ok(Some(Finding::Missing)),
        (Some(found), _) if found != expected => Ok(Some(Finding::Length { expected, found })),
        (Some(_), None) => Ok(None),
        (Some(_), Some(expected)) => {
            let (_, found) = folder.digest(run.place(file)).await?;
            Ok((found != *expected).then(|| Finding::Bytes {
                expected: expected.clone(),
                found,
            }))
        }
    }
}
