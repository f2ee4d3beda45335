//! [`QueryResult`]: the rows of a query, computed when they are read.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::config::FormatOptions;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use pomona_cli::table_text;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCapsule, PyList};

use crate::arrow_stream::{schema_capsule, stream_capsule};
use crate::batch_reader::BatchReader;
use crate::cell_text::shortened;
use crate::cursor::Cursor;
use crate::errors::{from_datafusion, plain, usage};
use crate::kept::Kept;
use crate::python_rows::python_rows;
use crate::runtime::ends_at_exit;
use crate::vector_lengths::vector_lengths;
use crate::vectors::Vectors;
use crate::waiting::wait;

/// Rows that are computed when they are read, or that are there.
pub(crate) enum Rows {
    Query(Box<DataFrame>),
    Held(Held),
}

/// Rows in memory.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    /// How values are formatted.
    pub(crate) format: Arc<FormatOptions>,
    /// Whether they are always printed whole, as plans are.
    pub(crate) is_whole: bool,
    /// The length of the vectors of each column, where the query says it.
    pub(crate) lengths: Vec<Option<usize>>,
}

impl Rows {
    /// The rows of a query, which is not run yet.
    pub(crate) fn of_query(frame: DataFrame) -> Self {
        Self::Query(Box::new(frame))
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        match self {
            Self::Query(frame) => Arc::new(frame.schema().as_arrow().clone()),
            Self::Held(held) => Arc::clone(&held.schema),
        }
    }
}

/// Runs a query to its end.
///
/// # Errors
/// As the query.
pub(crate) async fn hold(frame: DataFrame) -> datafusion::common::Result<Held> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let format = format_of(&frame);
    let lengths = vector_lengths(frame.logical_plan());
    let batches: Vec<RecordBatch> = frame.execute_stream().await?.try_collect().await?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(Held {
        schema,
        batches,
        format,
        is_whole: false,
        lengths,
    })
}

/// How the session of a query formats values.
pub(crate) fn format_of(frame: &DataFrame) -> Arc<FormatOptions> {
    let context = frame.task_ctx();
    Arc::new(context.session_config().options().format.clone())
}

/// The rows of a query. They are computed when they are read, and again at each reading, unless they were collected.
#[pyclass(frozen, name = "Result", module = "pomona._native")]
pub(crate) struct QueryResult {
    rows: Arc<Kept<Rows>>,
    on_cluster: bool,
}

impl QueryResult {
    /// A result; one whose rows come of a cluster ends with the interpreter.
    pub(crate) fn new(rows: Rows, on_cluster: bool) -> Self {
        let is_query = matches!(rows, Rows::Query(_));
        let rows = Kept::new(rows);
        if on_cluster && is_query {
            let open = Arc::downgrade(&rows);
            ends_at_exit(open);
        }
        Self { rows, on_cluster }
    }

    fn rows(&self, py: Python<'_>) -> PyResult<Arc<Rows>> {
        let rows = self.rows.get();
        rows.ok_or_else(|| plain(py, "the interpreter has ended the cluster of these rows"))
    }

    fn held(&self, py: Python<'_>) -> PyResult<Held> {
        match &*self.rows(py)? {
            Rows::Held(held) => Ok(held.clone()),
            Rows::Query(frame) => {
                let frame = frame.as_ref().clone();
                let held = wait(py, hold(frame))?;
                held.map_err(|error| from_datafusion(py, &error))
            }
        }
    }

    /// The same result with another query, or with other batches.
    fn changed(
        &self,
        py: Python<'_>,
        query: impl FnOnce(DataFrame) -> Result<DataFrame, DataFusionError>,
        held: impl FnOnce(&Held) -> Result<Held, DataFusionError>,
    ) -> PyResult<Self> {
        let rows = match &*self.rows(py)? {
            Rows::Query(frame) => query(frame.as_ref().clone()).map(Rows::of_query),
            Rows::Held(rows) => held(rows).map(Rows::Held),
        };
        match rows {
            Ok(rows) => Ok(Self::new(rows, self.on_cluster)),
            Err(error) => Err(from_datafusion(py, &error)),
        }
    }
}

#[pymethods]
impl QueryResult {
    #[getter]
    fn columns(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let schema = self.rows(py)?.schema();
        Ok(schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect())
    }

    #[getter]
    fn types(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let schema = self.rows(py)?.schema();
        let types = schema
            .fields()
            .iter()
            .map(|field| field.data_type().to_string());
        Ok(types.collect())
    }

    #[getter]
    fn is_collected(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(matches!(&*self.rows(py)?, Rows::Held(_)))
    }

    /// The rows as an Arrow stream.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish that need not be granted.
        drop(requested_schema);
        let reader = match &*self.rows(py)? {
            Rows::Query(frame) => {
                BatchReader::of_query(py, frame.as_ref().clone(), self.on_cluster)?
            }
            Rows::Held(held) => {
                BatchReader::of_batches(py, Arc::clone(&held.schema), held.batches.clone())?
            }
        };
        stream_capsule(py, reader)
    }

    /// The schema of the rows.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.rows(py)?.schema())
    }

    /// Runs the query and keeps its rows.
    fn collect(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let py = slf.py();
        if !slf.get().is_collected(py)? {
            let held = slf.get().held(py)?;
            let rows = &slf.get().rows;
            // The query that it replaces is dropped.
            py.detach(|| rows.replace(Rows::Held(held)));
        }
        Ok(slf)
    }

    /// Runs the query and returns its rows.
    fn fetch(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self::new(Rows::Held(self.held(py)?), self.on_cluster))
    }

    /// The first rows.
    fn head(&self, py: Python<'_>, n: usize) -> PyResult<Self> {
        self.changed(
            py,
            |frame| frame.limit(0, Some(n)),
            |held| Ok(first_rows(held, n)),
        )
    }

    /// Some columns.
    fn select(&self, py: Python<'_>, columns: Vec<String>) -> PyResult<Self> {
        let names = self.columns(py)?;
        let mut places = vec![];
        for column in &columns {
            let place = names.iter().position(|name| name == column);
            places.push(place.ok_or_else(|| no_column(column, &names))?);
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.changed(
            py,
            |frame| frame.select_columns(&columns),
            |held| projected(held, &places),
        )
    }

    /// The number of rows.
    fn count(&self, py: Python<'_>) -> PyResult<usize> {
        match &*self.rows(py)? {
            Rows::Held(held) => Ok(held.batches.iter().map(RecordBatch::num_rows).sum()),
            Rows::Query(frame) => {
                let frame = frame.as_ref().clone();
                let count = wait(py, frame.count())?;
                count.map_err(|error| from_datafusion(py, &error))
            }
        }
    }

    /// Rows as Python objects.
    #[pyo3(signature = (max_rows=None, max_bytes=None), name = "rows")]
    fn rows_of_python<'py>(
        &self,
        py: Python<'py>,
        max_rows: Option<usize>,
        max_bytes: Option<usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let held = match max_rows {
            Some(most) => self.head(py, most)?.held(py)?,
            None => self.held(py)?,
        };
        python_rows(py, &held.batches, max_bytes)
    }

    /// The rows as Python objects, batch by batch.
    fn cursor(&self, py: Python<'_>) -> PyResult<Cursor> {
        let rows = self.rows(py)?;
        Ok(Cursor::new(&rows, self.on_cluster))
    }

    /// A column of dates or times as the whole numbers that they are in Arrow; `None` for NULL.
    fn whole_numbers(&self, py: Python<'_>, column: &str) -> PyResult<Vec<Option<i64>>> {
        let one = self.select(py, vec![column.to_string()])?.held(py)?;
        let mut numbers = vec![];
        for batch in &one.batches {
            let whole = cast(batch.column(0), &DataType::Int64);
            let whole = whole.map_err(|error| plain(py, error.to_string()))?;
            numbers.extend(whole.as_primitive::<Int64Type>().iter());
        }
        Ok(numbers)
    }

    /// The table as `pomona sql` prints it; with `max_chars`, bytes as their length and long cells cut.
    #[pyo3(signature = (max_rows=Some(40), max_chars=None))]
    fn text(
        &self,
        py: Python<'_>,
        max_rows: Option<usize>,
        max_chars: Option<usize>,
    ) -> PyResult<String> {
        // One row more than is shown, to know whether there are more.
        let held = match (max_rows, &*self.rows(py)?) {
            (Some(most), Rows::Query(_)) => self.head(py, most.saturating_add(1))?.held(py)?,
            _ => self.held(py)?,
        };
        let max_rows = max_rows.filter(|_| !held.is_whole);
        let max_chars = max_chars.filter(|_| !held.is_whole);
        let text = py.detach(|| {
            let held = match max_chars {
                Some(most) => shortened(&held, most)?,
                None => held,
            };
            table_text(held.schema, &held.batches, max_rows, &held.format)
        });
        text.map_err(|error| from_datafusion(py, &error))
    }

    /// A column of vectors as an array.
    fn vectors(&self, py: Python<'_>, column: &str) -> PyResult<Vectors> {
        let one = self.select(py, vec![column.to_string()])?.held(py)?;
        let kind = one.schema.field(0).data_type().clone();
        let length = one.lengths.first().copied().flatten();
        let columns = one.batches.iter().map(|batch| Arc::clone(batch.column(0)));
        let columns = columns.collect();
        drop(one);
        let vectors = py.detach(|| Vectors::of_column(column, &kind, columns, length));
        vectors.map_err(usage)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<pomona._native.Result {:?}>", self.columns(py)?))
    }
}

fn no_column(column: &str, names: &[String]) -> PyErr {
    usage(format!(
        "there is no column {column}: the columns are {}",
        names.join(", ")
    ))
}

fn first_rows(held: &Held, n: usize) -> Held {
    let mut left = n;
    let mut batches = vec![];
    for batch in &held.batches {
        let rows = batch.num_rows().min(left);
        if rows == 0 && !batches.is_empty() {
            break;
        }
        batches.push(batch.slice(0, rows));
        left -= rows;
    }
    Held {
        batches,
        ..held.clone()
    }
}

fn projected(held: &Held, places: &[usize]) -> Result<Held, DataFusionError> {
    let batches = held.batches.iter().map(|batch| batch.project(places));
    Ok(Held {
        schema: Arc::new(held.schema.project(places)?),
        batches: batches.collect::<Result<_, _>>()?,
        lengths: places.iter().map(|&place| held.lengths[place]).collect(),
        ..held.clone()
    })
}
