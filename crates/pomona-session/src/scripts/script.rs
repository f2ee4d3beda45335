//! [`Script`]: SQL statements from a file, run in order.

use std::fs;
use std::path::Path;

use super::watch::collect_watched;
use super::{ScriptError, StatementQueue, Variables};
use crate::name_jobs;
use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;

/// A built-in script: its name and its text.
pub type BuiltIn = (&'static str, &'static str);

/// A built-in script by name (`features`), or else a file by path (`mine.sql`).
///
/// # Errors
/// When neither exists, and when the file cannot be read.
pub fn find_script(name: &str, built_in: &[BuiltIn]) -> Result<Script, ScriptError> {
    if let Some(script) = Script::built_in(name, built_in) {
        return Ok(script);
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
        return Err(ScriptError::UnknownScript {
            name: name.to_string(),
            known: known.join(", "),
        });
    }
    let sql = fs::read_to_string(path).map_err(|source| ScriptError::ReadScript {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Script::new(name, sql))
}

/// A file of SQL statements with `${name}` variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    name: String,
    sql: String,
}

impl Script {
    /// The built-in script of a name.
    pub fn built_in(name: &str, built_in: &[BuiltIn]) -> Option<Self> {
        let found = built_in.iter().find(|(built_in, _)| *built_in == name);
        found.map(|(name, sql)| Self::new(*name, *sql))
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

    /// Runs the statements in order and returns the result of the last one. The first that fails
    /// ends the run. On a cluster, their jobs have the script's name.
    ///
    /// # Errors
    /// When a variable has no value, and when a statement fails; the error names it.
    pub async fn run(
        &self,
        ctx: &SessionContext,
        variables: &Variables,
    ) -> Result<Vec<RecordBatch>, ScriptError> {
        self.run_watched(ctx, variables, |_| ()).await
    }

    /// Runs the statements as [`Script::run`] does, and reports several times a second how many
    /// rows the running statement has processed.
    pub async fn run_watched(
        &self,
        ctx: &SessionContext,
        variables: &Variables,
        handled: impl Fn(u64),
    ) -> Result<Vec<RecordBatch>, ScriptError> {
        let sql = variables.substitute(&self.sql)?;
        let statements = StatementQueue::parse(ctx, &self.name, &sql)?;
        name_jobs(ctx, &self.name);
        let last = run_all(statements, handled).await;
        name_jobs(ctx, "");
        last
    }
}

/// Runs statements in order and returns the result of the last one.
async fn run_all(
    mut statements: StatementQueue<'_>,
    handled: impl Fn(u64),
) -> Result<Vec<RecordBatch>, ScriptError> {
    let mut last = vec![];
    while let Some(frame) = statements.next().await? {
        let rows = collect_watched(frame, &handled).await;
        last = rows.map_err(|error| statements.failed(error))?;
    }
    Ok(last)
}
