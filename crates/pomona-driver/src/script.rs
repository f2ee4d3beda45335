//! [`Script`]: SQL statements from a file, run in order.

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use pomona_session::name_jobs;

use crate::statements::Statements;
use crate::watch::collect_watched;
use crate::{DriverError, Variables};

/// The scripts of `sql/`: those of the pipeline in its order, then the look-ups.
const BUILT_IN: [(&str, &str); 18] = [
    ("images", include_str!("../../../sql/images.sql")),
    ("metadata", include_str!("../../../sql/metadata.sql")),
    ("features", include_str!("../../../sql/features.sql")),
    (
        "metadata_csv",
        include_str!("../../../sql/metadata_csv.sql"),
    ),
    ("stats", include_str!("../../../sql/stats.sql")),
    ("errors", include_str!("../../../sql/errors.sql")),
    (
        "features_csv",
        include_str!("../../../sql/features_csv.sql"),
    ),
    ("pca_fit", include_str!("../../../sql/pca_fit.sql")),
    (
        "pca_transform",
        include_str!("../../../sql/pca_transform.sql"),
    ),
    ("pca_csv", include_str!("../../../sql/pca_csv.sql")),
    ("similar", include_str!("../../../sql/similar.sql")),
    (
        "similar_to_file",
        include_str!("../../../sql/similar_to_file.sql"),
    ),
    ("outliers", include_str!("../../../sql/outliers.sql")),
    ("suspects", include_str!("../../../sql/suspects.sql")),
    (
        "verify_sides",
        include_str!("../../../sql/verify_sides.sql"),
    ),
    (
        "verify_features",
        include_str!("../../../sql/verify_features.sql"),
    ),
    ("verify_pca", include_str!("../../../sql/verify_pca.sql")),
    ("verify", include_str!("../../../sql/verify.sql")),
];

/// A file of SQL statements with `${name}` variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    name: String,
    sql: String,
}

impl Script {
    /// The names of the scripts that are built in: those of the pipeline in its order, then the
    /// look-ups.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A script by name (`features`), or else by path (`mine.sql`).
    ///
    /// # Errors
    /// When there is neither, and when the file cannot be read.
    pub fn find(name: &str) -> Result<Self, DriverError> {
        if let Some((name, sql)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Ok(Self::new(*name, *sql));
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(DriverError::UnknownScript {
                name: name.to_string(),
                known: Self::built_in().collect::<Vec<_>>().join(", "),
            });
        }
        let sql = fs::read_to_string(path).map_err(|source| DriverError::ReadScript {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self::new(name, sql))
    }

    /// A script from its text; `name` is for errors.
    pub fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            sql: sql.into(),
        }
    }

    /// The script's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, with its variables.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs the statements in order and returns what the last one gives. The first that fails
    /// ends the run. On a cluster, their jobs have the script's name.
    ///
    /// # Errors
    /// When a variable has no value, and when a statement fails: the error tells which.
    pub async fn run(
        &self,
        ctx: &SessionContext,
        variables: &Variables,
    ) -> Result<Vec<RecordBatch>, DriverError> {
        self.run_watched(ctx, variables, |_| ()).await
    }

    /// Runs the statements as [`Script::run`] does, and tells several times a second how many rows
    /// the statement that is running has handled.
    pub(crate) async fn run_watched(
        &self,
        ctx: &SessionContext,
        variables: &Variables,
        handled: impl Fn(u64),
    ) -> Result<Vec<RecordBatch>, DriverError> {
        let sql = variables.substitute(&self.sql)?;
        let statements = Statements::parse(ctx, &self.name, &sql)?;
        name_jobs(ctx, &self.name);
        let last = run_all(statements, handled).await;
        name_jobs(ctx, "");
        last
    }
}

/// Runs statements in order and gives what the last one gives.
async fn run_all(
    mut statements: Statements<'_>,
    handled: impl Fn(u64),
) -> Result<Vec<RecordBatch>, DriverError> {
    let mut last = vec![];
    while let Some(frame) = statements.next().await? {
        let rows = collect_watched(frame, &handled).await;
        last = rows.map_err(|error| statements.failed(error))?;
    }
    Ok(last)
}
