//! Finished runs: their manifest, their rows and files, and their report.

use datafusion::prelude::DataFrame;
use pomona_analysis::Language;
use pomona_analysis::report::{replace_report, report_html};
use pomona_images::Location;
use pomona_results::{FinishedRun, ResultsError, parquet_rows};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::{Connection, session_of};
use crate::errors::{raise, usage};
use crate::result::{QueryResult, Rows};
use crate::waiting::{wait, wait_alone};

/// The manifest of a finished run, as JSON.
#[pyfunction]
pub(crate) fn manifest(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
) -> PyResult<String> {
    let session = session_of(py, connection)?;
    let json = wait(py, async move {
        let run = FinishedRun::open(&session.ctx, Location::parse(&output)?).await?;
        anyhow::Ok(serde_json::to_string(run.manifest())?)
    })?;
    json.map_err(|error| raise(py, error))
}

/// The rows of a folder of a finished run: the files that its manifest names.
#[pyfunction]
pub(crate) fn read_results(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    folder: String,
) -> PyResult<QueryResult> {
    let session = session_of(py, connection)?;
    let on_cluster = session.options.cluster.is_some();
    let frame = wait(py, async move {
        let run = FinishedRun::open(&session.ctx, Location::parse(&output)?).await?;
        let below = format!("{}/", folder.trim_end_matches('/'));
        let urls = run.urls(&below);
        if urls.is_empty() {
            let error = ResultsError::NoFiles {
                output: run.written(),
                folder,
            };
            return Err(error.into());
        }
        anyhow::Ok::<DataFrame>(parquet_rows::read(&session.ctx, urls).await?)
    })?;
    let frame = frame.map_err(|error| raise(py, error))?;
    Ok(QueryResult::new(Rows::of_query(frame), on_cluster))
}

/// A file of a finished run.
#[pyfunction]
pub(crate) fn read_file(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    path: String,
) -> PyResult<Py<PyBytes>> {
    let session = session_of(py, connection)?;
    let read = wait(py, async move {
        let run = FinishedRun::open(&session.ctx, Location::parse(&output)?).await?;
        let runtime = session.ctx.runtime_env();
        anyhow::Ok(run.read_file(&runtime, &path).await?)
    })?;
    let bytes = read.map_err(|error| raise(py, error))?;
    Ok(PyBytes::new(py, &bytes).unbind())
}

/// Writes the report of a finished run, as `pomona report`.
#[pyfunction]
#[pyo3(signature = (connection, output, language=None))]
pub(crate) fn report(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    language: Option<&str>,
) -> PyResult<()> {
    let language = match language {
        None | Some("en") => Language::English,
        Some("fr") => Language::French,
        Some(other) => {
            return Err(usage(format!(
                "language is 'en' or 'fr', and not '{other}'"
            )));
        }
    };
    let session = session_of(py, connection)?;
    let written = wait_alone(py, async move || {
        let ctx = session.fresh()?;
        let location = Location::parse(&output)?;
        let html = report_html(&ctx, &location, language).await?;
        replace_report(&ctx, &location, html).await?;
        anyhow::Ok(())
    })?;
    written.map_err(|error| raise(py, error))
}
