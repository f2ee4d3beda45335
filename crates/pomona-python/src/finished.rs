//! Finished runs: their manifest, their rows and files, and their report.

use datafusion::prelude::SessionContext;
use pomona_analysis::Language;
use pomona_analysis::report::{replace_report, report_html};
use pomona_images::Location;
use pomona_results::{FinishedRun, ResultsError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::{Connection, session_of};
use crate::errors::usage;
use crate::python_names::raise_in_names;
use crate::result::{QueryResult, Rows};
use crate::waiting::{wait, wait_alone};

/// The finished run in a folder; where the identifier of one is given, that one.
///
/// # Errors
/// When there is none, and [`ResultsError::Replaced`] when another run has taken its place.
pub(crate) async fn open_run(
    ctx: &SessionContext,
    output: &str,
    run: Option<&str>,
) -> anyhow::Result<FinishedRun> {
    let found = FinishedRun::open(ctx, Location::parse(output)?).await;
    let Some(run) = run else {
        return Ok(found?);
    };
    let reason = match &found {
        Ok(found) if found.manifest().run != run => format!(
            "they were of the run {run}, and the folder holds those of the run {}",
            found.manifest().run
        ),
        Err(ResultsError::NoRun { .. }) => "there is no manifest.json any more".to_string(),
        _ => return Ok(found?),
    };
    let output = output.trim_end_matches('/').to_string();
    Err(ResultsError::Replaced { output, reason }.into())
}

/// The manifest of a finished run, as JSON.
#[pyfunction]
pub(crate) fn manifest(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
) -> PyResult<String> {
    let session = session_of(py, connection)?;
    let json = wait(py, async move {
        let run = open_run(&session.ctx, &output, None).await?;
        anyhow::Ok(serde_json::to_string(run.manifest())?)
    })?;
    json.map_err(|error| raise_in_names(py, error))
}

/// The rows of a folder of a finished run: the files that its manifest names.
#[pyfunction]
#[pyo3(signature = (connection, output, folder, run=None))]
pub(crate) fn read_results(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    folder: String,
    run: Option<String>,
) -> PyResult<QueryResult> {
    let session = session_of(py, connection)?;
    let on_cluster = session.options.cluster.is_some();
    let frame = wait(py, async move {
        let run = open_run(&session.ctx, &output, run.as_deref()).await?;
        let below = format!("{}/", folder.trim_end_matches('/'));
        anyhow::Ok(pomona_results::read_results(&session.ctx, run, &below).await?)
    })?;
    let frame = frame.map_err(|error| raise_in_names(py, error))?;
    Ok(QueryResult::new(Rows::of_query(frame), on_cluster))
}

/// A file of a finished run.
#[pyfunction]
#[pyo3(signature = (connection, output, path, run=None))]
pub(crate) fn read_file(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    path: String,
    run: Option<String>,
) -> PyResult<Py<PyBytes>> {
    let session = session_of(py, connection)?;
    let read = wait(py, async move {
        let run = open_run(&session.ctx, &output, run.as_deref()).await?;
        let runtime = session.ctx.runtime_env();
        anyhow::Ok(run.read_file(&runtime, &path).await?)
    })?;
    let bytes = read.map_err(|error| raise_in_names(py, error))?;
    Ok(PyBytes::new(py, &bytes).unbind())
}

/// Writes the report of a finished run, as `pomona report`.
#[pyfunction]
#[pyo3(signature = (connection, output, language=None, run=None))]
pub(crate) fn report(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    language: Option<&str>,
    run: Option<String>,
) -> PyResult<()> {
    let language = match language {
        None | Some("en") => Language::English,
        Some("fr") => Language::French,
        Some(other) => {
            return Err(usage(format!("lang is 'en' or 'fr', and not '{other}'")));
        }
    };
    let session = session_of(py, connection)?;
    let written = wait_alone(py, async move || {
        let ctx = session.fresh()?;
        let location = Location::parse(&output)?;
        open_run(&ctx, &output, run.as_deref()).await?;
        let html = report_html(&ctx, &location, language).await?;
        replace_report(&ctx, &location, html).await?;
        anyhow::Ok(())
    })?;
    written.map_err(|error| raise_in_names(py, error))
}
