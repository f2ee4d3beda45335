//! [`BatchReader`]: the rows of a query as other libraries read them, batch by batch.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::vec;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use pomona_session::with_schema;
use pyo3::prelude::*;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

use crate::interpreter_lock;
use crate::runtime::{Ends, ends_at_exit, is_of_this_process, runtime_here};
use crate::waiting::{POLL, within};

/// Batches that are computed ahead of the reader.
const AHEAD: usize = 1;

/// Why there is no next batch.
pub(crate) enum Stopped {
    /// Ctrl-C.
    Interrupted,
    /// The query failed, with the text of the command.
    Failed(String),
}

/// The rows of a query, which runs from the first batch that is asked for until the last, or until this is dropped.
/// Any thread may read it, with the interpreter's lock or without.
pub(crate) struct BatchReader {
    schema: SchemaRef,
    source: Source,
    /// The thread to which Python's signals come, if it made this.
    signals: Option<ThreadId>,
    process: u32,
}

enum Source {
    Query {
        frame: Box<DataFrame>,
        on_cluster: bool,
    },
    Running(Running),
    Held(vec::IntoIter<RecordBatch>),
    Ended,
}

struct Running {
    batches: Receiver<Result<RecordBatch>>,
    _task: Arc<RunningTask>,
}

/// A query that ends with its reader, or with the interpreter.
struct RunningTask(Mutex<Option<AbortHandle>>);

impl Ends for RunningTask {
    fn end(&self) {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        self.end();
    }
}

impl BatchReader {
    /// The rows of a query, under the schema that it was planned with.
    pub(crate) fn of_query(py: Python<'_>, frame: DataFrame, on_cluster: bool) -> PyResult<Self> {
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let source = Source::Query {
            frame: Box::new(frame),
            on_cluster,
        };
        Self::new(py, schema, source)
    }

    /// Batches that are there.
    pub(crate) fn of_batches(
        py: Python<'_>,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> PyResult<Self> {
        Self::new(py, schema, Source::Held(batches.into_iter()))
    }

    fn new(py: Python<'_>, schema: SchemaRef, source: Source) -> PyResult<Self> {
        let threading = py.import("threading")?;
        let main = threading.call_method0("main_thread")?.getattr("ident")?;
        let is_main = threading.call_method0("get_ident")?.eq(main)?;
        Ok(Self {
            schema,
            source,
            signals: is_main.then(|| thread::current().id()),
            process: std::process::id(),
        })
    }

    /// The schema of every batch.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Stopped> {
        if let Source::Query { .. } = &self.source {
            self.start()?;
        }
        let schema = Arc::clone(&self.schema);
        let received = match &mut self.source {
            Source::Held(batches) => return Ok(batches.next()),
            Source::Query { .. } | Source::Ended => return Ok(None),
            Source::Running(running) => receive(&mut running.batches, self.signals),
        };
        let batch = received.and_then(|batch| {
            let batch = batch.transpose();
            let batch =
                batch.and_then(|batch| batch.map(|batch| with_schema(batch, &schema)).transpose());
            batch.map_err(|error| Stopped::Failed(text(error)))
        });
        if !matches!(batch, Ok(Some(_))) {
            self.source = Source::Ended;
        }
        batch
    }

    fn start(&mut self) -> Result<(), Stopped> {
        let runtime = runtime_here().map_err(|text| Stopped::Failed(text.to_string()))?;
        let Source::Query { frame, on_cluster } =
            std::mem::replace(&mut self.source, Source::Ended)
        else {
            return Ok(());
        };
        let (sender, batches) = channel(AHEAD);
        let task = runtime.spawn(run(*frame, sender));
        let task = Arc::new(RunningTask(Mutex::new(Some(task.abort_handle()))));
        if on_cluster {
            let open = Arc::downgrade(&task);
            ends_at_exit(open);
        }
        self.source = Source::Running(Running {
            batches,
            _task: task,
        });
        Ok(())
    }
}

impl Drop for BatchReader {
    #[expect(
        clippy::mem_forget,
        reason = "in a fork the query is a copy of another process's"
    )]
    fn drop(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Ended);
        if !is_of_this_process(self.process) {
            std::mem::forget(source);
        }
    }
}

async fn run(frame: DataFrame, batches: Sender<Result<RecordBatch>>) {
    let mut rows = match frame.execute_stream().await {
        Ok(rows) => rows,
        Err(error) => {
            // Whoever reads may have gone.
            let _ = batches.send(Err(error)).await;
            return;
        }
    };
    while let Some(batch) = rows.next().await {
        if batches.send(batch).await.is_err() {
            return;
        }
    }
}

/// Waits for a batch. A thread that holds the interpreter's lock releases it meanwhile; the one to which signals come
/// looks for them.
fn receive(
    batches: &mut Receiver<Result<RecordBatch>>,
    signals: Option<ThreadId>,
) -> Result<Option<Result<RecordBatch>>, Stopped> {
    if let Ok(batch) = batches.try_recv() {
        return Ok(Some(batch));
    }
    let looks_for_signals = signals == Some(thread::current().id());
    loop {
        let attached = match interpreter_lock::is_held() {
            true => Python::try_attach(|py| {
                let batches = &mut *batches;
                py.detach(move || within(&mut Next(batches), POLL))
            }),
            false => None,
        };
        let received = attached.unwrap_or_else(|| within(&mut Next(batches), POLL));
        if let Some(batch) = received {
            return Ok(batch);
        }
        // Only this thread waits for the lock, and no other that holds it waits for this one.
        if looks_for_signals && is_interrupted() {
            return Err(Stopped::Interrupted);
        }
    }
}

/// Whether a signal handler of Python raised. The signal is raised again, so that Python hears of it when the library
/// that reads has returned: what it raises is an error of its own.
fn is_interrupted() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().is_err());
    if raised == Some(true) {
        interpreter_lock::interrupt_again();
    }
    raised == Some(true)
}

/// The next batch, as a future.
struct Next<'a>(&'a mut Receiver<Result<RecordBatch>>);

impl Future for Next<'_> {
    type Output = Option<Result<RecordBatch>>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_recv(context)
    }
}

fn text(error: DataFusionError) -> String {
    pomona_cli::error_message(&error.into())
}
