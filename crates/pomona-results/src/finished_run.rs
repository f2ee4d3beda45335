//! [`FinishedRun`]: the results of a finished run, file by file.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use pomona_images::Location;
use serde::de::DeserializeOwned;

use crate::layout::{FOLDERS, MANIFEST, PUBLICATION, TEMPORARY};
use crate::publication::Publication;
use crate::store_folder::StoreFolder;
use crate::{Manifest, PublishedFile, ResultsError, parquet_rows};

/// How often results that a run publishes just now are looked at again.
const ATTEMPTS: usize = 8;

/// A folder with the results of a finished run: the files that the manifest names, and no others
/// that lie beside them.
///
/// Where a run is publishing, or was killed while it did, these are the new results whole: each
/// file is read where it belongs or where it is still staged.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    location: Location,
    manifest: Manifest,
    /// Where files are that are not at their places yet, by their places.
    staged: BTreeMap<String, String>,
    /// Files that a publication has not removed yet.
    obsolete: Vec<String>,
}

impl FinishedRun {
    /// Opens the results in a folder.
    ///
    /// # Errors
    /// When the folder holds no finished run, or one that cannot be read.
    pub async fn open(ctx: &SessionContext, location: Location) -> Result<Self, ResultsError> {
        Self::read(&ctx.runtime_env(), location).await
    }

    /// [`open`](Self::open), by the stores of a runtime.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn read(runtime: &RuntimeEnv, location: Location) -> Result<Self, ResultsError> {
        match Self::find(runtime, &location).await? {
            Some(run) => Ok(run),
            None => Err(ResultsError::NoRun {
                output: location.to_string(),
            }),
        }
    }

    /// The finished run in a folder, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find(
        runtime: &RuntimeEnv,
        location: &Location,
    ) -> Result<Option<Self>, ResultsError> {
        let folder = StoreFolder::of(runtime, location)?;
        if folder.local.as_ref().is_some_and(|path| path.is_file()) {
            return Ok(None);
        }
        let mut missing = None;
        for _ in 0..ATTEMPTS {
            let publication = folder.read(PUBLICATION).await?;
            let manifest: Option<Manifest> = match folder.read(MANIFEST).await? {
                Some(json) => Some(parse(&json, MANIFEST, location)?),
                None => None,
            };
            let announced: Option<Publication> = match &publication {
                Some(json) => Some(parse(json, PUBLICATION, location)?),
                None => None,
            };
            let pending = announced.filter(|pending| pending.follows(manifest.as_ref()));
            let Some(pending) = pending else {
                let run = manifest.map(|manifest| Self {
                    location: location.clone(),
                    manifest,
                    staged: BTreeMap::new(),
                    obsolete: vec![],
                });
                // A run may have begun to publish between the two.
                match run.is_some() || folder.read(PUBLICATION).await? == publication {
                    true => return Ok(run),
                    false => continue,
                }
            };
            let mut sizes = folder.published().await?;
            for object in folder.list(TEMPORARY).await? {
                sizes.insert(folder.relative(&object.location), object.size);
            }
            let staged = pending.staged(&sizes).map(|staged| {
                let staged = staged.into_iter();
                let staged = staged.map(|(to, from)| (to.to_string(), from.to_string()));
                staged.collect::<BTreeMap<_, _>>()
            });
            // One that has just been finished leaves nothing staged.
            if folder.read(PUBLICATION).await? != publication {
                continue;
            }
            match staged {
                Ok(staged) => {
                    return Ok(Some(Self {
                        location: location.clone(),
                        manifest: pending.manifest,
                        staged,
                        obsolete: pending.obsolete.into_iter().collect(),
                    }));
                }
                // Moved between the two listings, or gone.
                Err(path) => missing = Some(path),
            }
        }
        Err(ResultsError::FileMissing {
            output: location.to_string(),
            path: missing.unwrap_or_else(|| PUBLICATION.to_string()),
        })
    }

    /// The finished run that a folder belongs to, and the folder's path in it: that of a run, or one
    /// of its folders, such as `pca/parquet`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn around(
        runtime: &RuntimeEnv,
        location: &Location,
    ) -> Result<Option<(Self, String)>, ResultsError> {
        let (mut location, mut below) = (location.clone(), String::new());
        // The folders of results are two deep at most.
        for _ in 0..3 {
            let is_result = |below: &str| {
                let first = below.split('/').next();
                first.is_some_and(|first| FOLDERS.contains(&first))
            };
            if (below.is_empty() || is_result(&below))
                && let Some(run) = Self::find(runtime, &location).await?
            {
                return Ok(Some((run, below)));
            }
            let Some((above, name)) = location.parent() else {
                break;
            };
            below = format!("{name}/{below}");
            location = above;
        }
        Ok(None)
    }

    /// What the run was given and made.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder as it was named.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The folder as people write it, without a slash at its end.
    pub fn written(&self) -> String {
        self.location.written().trim_end_matches('/').to_string()
    }

    /// Where a file of the manifest is now, relative to the folder.
    pub(crate) fn place<'a>(&'a self, file: &'a PublishedFile) -> &'a str {
        let staged = self.staged.get(&file.path);
        staged.map_or(file.path.as_str(), String::as_str)
    }

    /// Whether a run that was publishing did not end.
    pub fn is_unfinished(&self) -> bool {
        !self.staged.is_empty() || !self.obsolete.is_empty()
    }

    /// Files of the run before that a publication has not removed yet.
    pub(crate) fn obsolete(&self) -> &[String] {
        &self.obsolete
    }

    /// The URLs of the Parquet files below a folder of the results, such as `features/`.
    pub fn urls(&self, below: &str) -> Vec<String> {
        self.parquet_files(below)
            .map(|file| self.location.below(self.place(file)))
            .collect()
    }

    /// The first Parquet file below a folder of the results that is not there as the manifest names it: removed,
    /// or replaced by a later run.
    pub(crate) async fn first_missing(
        &self,
        runtime: &RuntimeEnv,
        below: &str,
    ) -> Result<Option<String>, ResultsError> {
        let folder = StoreFolder::of(runtime, &self.location)?;
        let mut objects = folder.list(below).await?;
        if !self.staged.is_empty() {
            objects.extend(folder.list(TEMPORARY).await?);
        }
        let there: BTreeMap<String, u64> = objects
            .into_iter()
            .map(|object| (folder.relative(&object.location), object.size))
            .collect();
        let mut files = self.parquet_files(below);
        let missing = files.find(|file| there.get(self.place(file)) != Some(&file.bytes));
        Ok(missing.map(|file| file.path.clone()))
    }

    /// The first Parquet file below a folder of the results in whose place another run has put another file.
    pub(crate) fn first_changed(&self, other: &Self, below: &str) -> Option<String> {
        let is_changed = |file: &&PublishedFile| {
            let mut theirs = other.manifest.files.iter();
            theirs.any(|theirs| theirs.path == file.path && theirs != *file)
        };
        let file = self.parquet_files(below).find(is_changed);
        file.map(|file| file.path.clone())
    }

    /// The Parquet files below a folder of the results.
    fn parquet_files<'a>(&'a self, below: &'a str) -> impl Iterator<Item = &'a PublishedFile> {
        let files = self.manifest.files.iter();
        files.filter(move |file| file.path.starts_with(below) && file.path.ends_with(".parquet"))
    }

    /// Reads a file that the manifest names, such as `report.html`, whole.
    ///
    /// # Errors
    /// [`ResultsError::NoFile`], and when it cannot be read.
    pub async fn read_file(
        &self,
        runtime: &RuntimeEnv,
        path: &str,
    ) -> Result<Vec<u8>, ResultsError> {
        let no_file = || ResultsError::NoFile {
            output: self.written(),
            path: path.to_string(),
        };
        let file = self.manifest.files.iter().find(|file| file.path == path);
        let place = self.place(file.ok_or_else(no_file)?);
        let folder = StoreFolder::of(runtime, &self.location)?;
        folder.read(place).await?.ok_or_else(no_file)
    }

    /// The path of every image, and why it has no features where it has none.
    pub async fn images(
        &self,
        ctx: &SessionContext,
    ) -> Result<Vec<(String, Option<String>)>, ResultsError> {
        let frame = parquet_rows::read(ctx, self.urls("features/")).await?;
        let batches = frame.select_columns(&["path", "error"])?.collect().await?;
        let mut images = vec![];
        for batch in batches {
            let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
            let columns = [0, 1].map(text);
            let [paths, errors] = columns;
            let (paths, errors) = (
                paths.map_err(DataFusionError::from)?,
                errors.map_err(DataFusionError::from)?,
            );
            let rows = paths
                .as_string::<i32>()
                .iter()
                .zip(errors.as_string::<i32>());
            images.extend(
                rows.filter_map(|(path, error)| {
                    Some((path?.to_string(), error.map(str::to_string)))
                }),
            );
        }
        Ok(images)
    }
}

fn parse<T: DeserializeOwned>(
    json: &[u8],
    path: &str,
    location: &Location,
) -> Result<T, ResultsError> {
    serde_json::from_slice(json).map_err(|error| ResultsError::ResultsUnreadable {
        location: location.to_string(),
        path: path.to_string(),
        reason: error.to_string(),
    })
}
