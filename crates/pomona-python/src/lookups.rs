//! `similar`, `outliers` and `suspects`: questions to finished runs.

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use datafusion::prelude::SessionContext;
use pomona_analysis::{Lookup, Similar, Suspects, Vectors};
use pomona_results::FinishedRun;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes};
use tempfile::TempDir;

use crate::connection::{Connection, Session, session_of};
use crate::errors::{raise, usage};
use crate::finished::open_run;
use crate::python_names::raise_in_names;
use crate::result::{Held, QueryResult, Rows, hold};
use crate::waiting::wait;

/// The name of a file whose bytes Python passed.
const FILE: &str = "image.jpg";

/// The most neighbours that vote on a label.
const MOST_NEIGHBOURS: u64 = 1000;

/// The images of a run most similar to one, as `pomona similar`.
#[pyfunction]
#[pyo3(signature = (connection, output, image, count=10, by="features", run=None))]
pub(crate) fn similar(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    image: &Bound<'_, PyAny>,
    count: u64,
    by: &str,
    run: Option<String>,
) -> PyResult<QueryResult> {
    let (by, count) = (vectors(by)?, at_least_one("n", count)?);
    let (image, folder) = match image.cast::<PyBytes>() {
        Ok(bytes) => {
            let folder = write(bytes.as_bytes());
            let (path, folder) = folder.map_err(|error| raise(py, error))?;
            (path, Some(folder))
        }
        Err(_) => (image.str()?.to_string(), None),
    };
    let session = session_of(py, connection)?;
    let held = wait(py, async move {
        // The network's error does not name the file.
        let name = match folder {
            Some(_) => "the image".to_string(),
            None => image.clone(),
        };
        let asked = Similar { image, by, count };
        let question = async {
            let (ctx, results) = open(&session, &output, run.as_deref()).await?;
            let lookup = pomona_analysis::similar(&ctx, &results, &asked).await?;
            answer(&ctx, &lookup).await.context(name)
        };
        let answer = question.await;
        drop(folder);
        answer
    })?;
    collected(py, held)
}

/// The images that the principal components describe worst, as `pomona outliers`.
#[pyfunction]
#[pyo3(signature = (connection, output, count=20, run=None))]
pub(crate) fn outliers(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    count: u64,
    run: Option<String>,
) -> PyResult<QueryResult> {
    let count = at_least_one("n", count)?;
    let session = session_of(py, connection)?;
    let held = wait(py, async move {
        let (ctx, results) = open(&session, &output, run.as_deref()).await?;
        let lookup = pomona_analysis::outliers(&results, count)?;
        answer(&ctx, &lookup).await
    })?;
    collected(py, held)
}

/// The images whose nearest neighbours have another label, as `pomona suspects`.
#[pyfunction]
#[pyo3(signature = (connection, output, count=20, neighbours=5, by="pca", run=None))]
pub(crate) fn suspects(
    py: Python<'_>,
    connection: Option<&Connection>,
    output: String,
    count: u64,
    neighbours: u64,
    by: &str,
    run: Option<String>,
) -> PyResult<QueryResult> {
    let asked = Suspects {
        by: vectors(by)?,
        neighbours: at_least_one("neighbours", neighbours)?,
        count: at_least_one("n", count)?,
    };
    if neighbours > MOST_NEIGHBOURS {
        return Err(usage(format!("neighbours are at most {MOST_NEIGHBOURS}")));
    }
    let session = session_of(py, connection)?;
    let held = wait(py, async move {
        let (ctx, results) = open(&session, &output, run.as_deref()).await?;
        let lookup = pomona_analysis::suspects(&results, &asked)?;
        answer(&ctx, &lookup).await
    })?;
    collected(py, held)
}

/// A session of its own, in which a look-up makes tables, and the results that it asks.
async fn open(
    session: &Arc<Session>,
    output: &str,
    run: Option<&str>,
) -> anyhow::Result<(SessionContext, FinishedRun)> {
    let ctx = session.fresh()?;
    let results = open_run(&ctx, output, run).await?;
    Ok((ctx, results))
}

async fn answer(ctx: &SessionContext, lookup: &Lookup) -> anyhow::Result<Held> {
    Ok(hold(lookup.query(ctx).await?).await?)
}

fn collected(py: Python<'_>, held: anyhow::Result<Held>) -> PyResult<QueryResult> {
    match held {
        Ok(held) => Ok(QueryResult::new(Rows::Held(held), false)),
        Err(error) => Err(raise_in_names(py, error)),
    }
}

/// Writes an image to a folder of its own, which is removed when it is dropped. Returns the path of the file.
fn write(image: &[u8]) -> anyhow::Result<(String, TempDir)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(FILE);
    fs::write(&path, image)?;
    let path = path.to_str().context("the path of TMPDIR is not Unicode")?;
    Ok((path.to_string(), folder))
}

fn vectors(by: &str) -> PyResult<Vectors> {
    match by {
        "features" => Ok(Vectors::Features),
        "pca" => Ok(Vectors::Pca),
        other => Err(usage(format!(
            "by is 'features' or 'pca', and not '{other}'"
        ))),
    }
}

fn at_least_one(name: &str, number: u64) -> PyResult<u64> {
    match number {
        0 => Err(usage(format!("{name} is at least 1"))),
        number => Ok(number),
    }
}
