//! [`Cursor`]: rows as Python objects, batch by batch: a result larger than memory can be looped over.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::{from_datafusion, plain};
use crate::kept::Kept;
use crate::python_rows::python_rows;
use crate::result::Rows;
use crate::runtime::ends_at_exit;
use crate::waiting::wait;

/// One reading of the rows of a query, which begins with the first batch that is asked for.
#[pyclass(frozen, module = "pomona._native")]
pub(crate) struct Cursor(Arc<Kept<Mutex<Source>>>);

enum Source {
    Query(Box<DataFrame>),
    Running(SendableRecordBatchStream),
    Held(vec::IntoIter<RecordBatch>),
    Ended,
}

impl Cursor {
    /// A reading; one of a query on a cluster ends with the interpreter.
    pub(crate) fn new(rows: &Rows, on_cluster: bool) -> Self {
        let source = match rows {
            Rows::Query(frame) => Source::Query(frame.clone()),
            Rows::Held(held) => Source::Held(held.batches.clone().into_iter()),
        };
        let kept = Kept::new(Mutex::new(source));
        if on_cluster {
            let open = Arc::downgrade(&kept);
            ends_at_exit(open);
        }
        Self(kept)
    }

    fn source(&self) -> Option<Source> {
        let source = self.0.get()?;
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        Some(mem::replace(&mut *source, Source::Ended))
    }

    fn go_on_with(&self, next: Source) {
        if let Some(source) = self.0.get() {
            *source.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }
}

#[pymethods]
impl Cursor {
    /// The rows of the next batch; `None` after the last. It ends with an error, and with Ctrl-C.
    fn next_rows<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let source = self.source();
        let source =
            source.ok_or_else(|| plain(py, "the interpreter has ended the query of these rows"))?;
        let next = wait(py, next(source))?;
        let (source, batch) = next.map_err(|error| from_datafusion(py, &error))?;
        self.go_on_with(source);
        batch
            .map(|batch| python_rows(py, &[batch], None))
            .transpose()
    }
}

/// The next batch with rows, and what comes after it.
async fn next(mut source: Source) -> Result<(Source, Option<RecordBatch>)> {
    loop {
        let batch = match source {
            Source::Query(frame) => {
                source = Source::Running(frame.execute_stream().await?);
                continue;
            }
            Source::Running(ref mut rows) => rows.next().await.transpose()?,
            Source::Held(ref mut batches) => batches.next(),
            Source::Ended => None,
        };
        match batch {
            Some(batch) if batch.num_rows() == 0 => {}
            Some(batch) => return Ok((source, Some(batch))),
            None => return Ok((Source::Ended, None)),
        }
    }
}
