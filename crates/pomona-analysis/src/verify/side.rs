//! [`Side`]: what results there are in a folder of Parquet files.

use std::collections::BTreeSet;

use arrow::datatypes::Schema;
use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_results::{FinishedRun, ResultsError, StoreFolder, parquet_rows};
use url::Url;

use super::columns::{ColumnNames, path, vectors};
use crate::AnalysisError;
use crate::lookup::Vectors;

/// A table with a column of vectors, as SQL wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Where its files are, as LOCATION has it.
    pub(super) location: String,
    /// What follows STORED AS.
    pub(super) form: &'static str,
    /// The expression that gives an image's path.
    pub(super) path: String,
    /// The expression that gives its vector, a list of numbers.
    pub(super) vector: String,
}

/// The results on one side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    location: String,
    features: Option<Table>,
    pca: Option<Table>,
    /// What there is, for errors.
    columns: Vec<String>,
}

impl Side {
    /// Looks into the Parquet files of a folder and of all folders below it, or into one file.
    pub(super) async fn find(
        ctx: &SessionContext,
        given: &str,
        names: &ColumnNames,
    ) -> Result<Self, AnalysisError> {
        let mut side = Self {
            location: given.to_string(),
            features: None,
            pca: None,
            columns: vec![],
        };
        let folders = folders(ctx, given).await?;
        if folders.is_empty() {
            return Err(AnalysisError::NoParquet {
                location: given.to_string(),
            });
        }
        let mut schemas = vec![];
        for folder in folders {
            let frame = parquet_rows::read(ctx, folder.urls.clone()).await?;
            let schema = frame.schema().as_arrow().clone();
            let fields = schema.fields().iter();
            let fields = fields.map(|field| format!("{} {}", field.name(), field.data_type()));
            side.columns.extend(fields);
            schemas.push((folder, schema));
        }
        for column in [Vectors::Features, Vectors::Pca] {
            let table = side.table_with(column, &schemas, names)?;
            match column {
                Vectors::Features => side.features = table,
                Vectors::Pca => side.pca = table,
            }
        }
        Ok(side)
    }

    /// Where it is, as it was named.
    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// The table with a column, if there is one.
    pub(super) fn table(&self, column: Vectors) -> Option<&Table> {
        match column {
            Vectors::Features => self.features.as_ref(),
            Vectors::Pca => self.pca.as_ref(),
        }
    }

    /// What there is, for an error.
    pub(super) fn describe(&self) -> String {
        let found = [Vectors::Features, Vectors::Pca];
        let found: Vec<String> = found
            .into_iter()
            .filter(|column| self.table(*column).is_some())
            .map(|column| column.to_string())
            .collect();
        match found.as_slice() {
            [] => format!(
                "'{}' has the columns {}",
                self.location,
                self.columns.join(", ")
            ),
            found => format!("'{}' has {}", self.location, found.join(" and ")),
        }
    }

    fn table_with(
        &self,
        column: Vectors,
        schemas: &[(Folder, Schema)],
        names: &ColumnNames,
    ) -> Result<Option<Table>, AnalysisError> {
        let mut found = vec![];
        for (folder, schema) in schemas {
            for (name, vector) in vectors(schema, column, names) {
                found.push((folder, schema, name, vector));
            }
        }
        let given = match column {
            Vectors::Features => &names.features,
            Vectors::Pca => &names.pca,
        };
        match found.as_slice() {
            [] => match given {
                Some(name) => Err(self.no_column(name, "of vectors")),
                None => Ok(None),
            },
            [(folder, schema, _, vector)] => {
                let path = path(schema, names).ok_or_else(|| {
                    self.no_column(names.path.as_deref().unwrap_or("path"), "of text")
                })?;
                Ok(Some(Table {
                    location: folder.location.clone(),
                    form: folder.form,
                    path,
                    vector: vector.clone(),
                }))
            }
            several => Err(AnalysisError::SeveralColumns {
                location: self.location.clone(),
                column: column.to_string(),
                candidates: several
                    .iter()
                    .map(|(folder, _, name, _)| format!("{name} in {}", folder.location))
                    .collect(),
            }),
        }
    }

    fn no_column(&self, name: &str, kind: &'static str) -> AnalysisError {
        AnalysisError::NoColumn {
            location: self.location.clone(),
            name: name.to_string(),
            kind,
            columns: self.columns.clone(),
        }
    }
}

/// A folder of Parquet files of one table, or a single file.
struct Folder {
    /// As LOCATION has it.
    location: String,
    /// What follows STORED AS.
    form: &'static str,
    /// What is read for the columns.
    urls: Vec<String>,
}

/// The folders of a finished run, by the files that its manifest names; of anything else those that
/// hold Parquet files, or the one file that is named.
async fn folders(ctx: &SessionContext, given: &str) -> Result<Vec<Folder>, AnalysisError> {
    let location = Location::parse(given)?;
    let plain = |url: Url| Folder {
        location: url.to_string(),
        form: "PARQUET",
        urls: vec![url.to_string()],
    };
    if let Some(file) = single_file(given, &location) {
        return Ok(vec![plain(file)]);
    }
    let run = match FinishedRun::around(&ctx.runtime_env(), &location).await {
        // Other programs have manifests of their own.
        Err(ResultsError::ResultsUnreadable { .. }) => None,
        found => found?,
    };
    let Some((run, below)) = run else {
        let urls = tables(ctx, &location).await?;
        return Ok(urls.into_iter().map(plain).collect());
    };
    let parquet = run.manifest().paths().filter(|path| is_parquet(path));
    let folders: BTreeSet<&str> = parquet
        .filter(|path| path.starts_with(&below))
        .filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder))
        .collect();
    let folders = folders.into_iter().map(|folder| Folder {
        location: format!("{}/{folder}/", run.written()),
        form: "RESULTS",
        urls: run.urls(&format!("{folder}/")),
    });
    Ok(folders.collect())
}

/// The one Parquet file that is named, if it is one.
fn single_file(given: &str, location: &Location) -> Option<Url> {
    let mut url = location.url();
    url.set_path(url.path().trim_end_matches('/').to_string().as_str());
    let is_file = url.to_file_path().map_or(true, |path| path.is_file());
    (is_parquet(given) && is_file).then_some(url)
}

/// The folders that hold Parquet files. Folders named `key=value` are parts of the table above
/// them, and what begins with `_` or `.` is no result.
async fn tables(ctx: &SessionContext, location: &Location) -> Result<Vec<Url>, AnalysisError> {
    let folder = StoreFolder::open(ctx, location)?;
    let mut folders = BTreeSet::new();
    for object in folder.list("").await? {
        let relative = folder.relative(&object.location);
        let mut parts: Vec<&str> = relative.split('/').collect();
        let hidden = parts.iter().any(|part| part.starts_with(['_', '.']));
        if hidden || !is_parquet(&relative) {
            continue;
        }
        parts.pop();
        let kept = parts.iter().position(|part| part.contains('='));
        parts.truncate(kept.unwrap_or(parts.len()));
        folders.insert(
            parts
                .iter()
                .map(|part| part.to_string())
                .collect::<Vec<_>>(),
        );
    }
    let urls = folders.into_iter().map(|parts| {
        let mut url = location.url();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts).push("");
        }
        url
    });
    Ok(urls.collect())
}

fn is_parquet(name: &str) -> bool {
    name.ends_with(".parquet")
}
