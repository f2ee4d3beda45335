//! Turns rows with URLs into batches with what they lead to.
//!
//! ```text
//! rows -> budget -> tasks, at most `concurrency` -> in order -> batch of 32 MiB -> consumer
//! ```
//!
//! How long a URL's bytes are is known when they are there. So a row takes from the budget what the
//! longest so far took, and keeps what it turned out to need until its batch is consumed: the more
//! there is, the fewer requests begin. Rows take permits in their order, and no row more than half of
//! the budget, so that the oldest row can always go on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::internal_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, Time,
};
use futures::{FutureExt, StreamExt, future, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::exec::ReadUrls;
use super::function::{ReadOutput, read_for};
use super::reader::Reader;
use crate::fetch::Content;
use crate::io_runtime::on_io_runtime;
use crate::prefetch::{Fetched, ahead};

/// The bytes that make a batch whole.
const BATCH_BYTES: usize = 32 << 20;

/// The bytes that are read and not consumed: a batch that waits, one that is put together, and
/// requests on their way.
const BUDGET: usize = 4 * BATCH_BYTES;

/// What the first URLs are taken to have.
const FIRST_GUESS: usize = 1 << 20;

/// The most rows of a batch with content.
const MOST_ROWS: usize = 256;

/// What one partition's requests count.
#[derive(Debug, Clone)]
pub(super) struct ReadMetrics {
    baseline: BaselineMetrics,
    /// Bytes received.
    bytes_scanned: Count,
    /// URLs that were read.
    urls_read: Count,
    /// URLs that could not be read, and became NULL.
    urls_failed: Count,
    /// The sum of all requests' durations, which overlap.
    read_time: Time,
}

impl ReadMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let rows = || MetricBuilder::new(metrics).with_category(MetricCategory::Rows);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            bytes_scanned: MetricBuilder::new(metrics)
                .with_category(MetricCategory::Bytes)
                .counter("bytes_scanned", partition),
            urls_read: rows().counter("urls_read", partition),
            urls_failed: rows().counter("urls_failed", partition),
            read_time: MetricBuilder::new(metrics).subset_time("read_time", partition),
        }
    }
}

/// The rows of `input` with what their URLs lead to, as columns of `schema`. Nothing is requested
/// before the stream is polled for the first time, and dropping it stops all requests.
pub(super) fn with_reads(
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    config: Arc<ReadUrls>,
    reader: Reader,
    most_rows: usize,
    metrics: ReadMetrics,
) -> SendableRecordBatchStream {
    let producer = Producer {
        schema: Arc::clone(&schema),
        rows: Rows {
            config,
            reader,
            longest: AtomicUsize::new(FIRST_GUESS),
            metrics: metrics.clone(),
        },
        most_rows: most_rows.clamp(1, MOST_ROWS),
    };
    ahead(
        schema,
        metrics.baseline,
        None,
        Arc::default(),
        move |sender| producer.run(input, sender),
    )
}

struct Producer {
    schema: SchemaRef,
    rows: Rows,
    most_rows: usize,
}

/// What all rows of a partition share.
struct Rows {
    config: Arc<ReadUrls>,
    reader: Reader,
    /// The bytes of the longest row so far.
    longest: AtomicUsize,
    metrics: ReadMetrics,
}

/// A row that is to be read: its URLs, and where it is.
struct Due {
    urls: Vec<Option<String>>,
    batch: RecordBatch,
    position: usize,
}

/// What was read for a row, a content a URL.
type RowContents = Vec<Option<Content>>;

impl Producer {
    async fn run(
        self,
        input: SendableRecordBatchStream,
        sender: mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let Self {
            schema,
            rows,
            most_rows,
        } = self;
        let config = Arc::clone(&rows.config);
        let concurrency = config.options.concurrency.get();
        let budget = Arc::new(Semaphore::new(BUDGET));
        let (shared, urls_of) = (Arc::new(rows), Arc::clone(&config));
        let due = input
            .map(move |batch| due_rows(&batch?, &urls_of))
            .map(|rows| stream::iter(rows.unwrap_or_else(|error| vec![Err(error)])))
            .flatten();
        // Each row is a task of its own on the threads of storage, so that it makes progress while
        // this one waits for the consumer; a connection that nobody reads from times out. The rows
        // themselves come from here: what computes them must not hold those threads.
        let read = due
            .then(|due: Result<Due>| {
                let (shared, budget) = (Arc::clone(&shared), Arc::clone(&budget));
                async move {
                    let due = due?;
                    let share = shared.longest.load(Ordering::Relaxed).min(BUDGET / 2);
                    let permit = budget.acquire_many_owned(share as u32).await;
                    let permit =
                        permit.map_err(|_| internal_datafusion_err!("the budget is closed"))?;
                    Ok::<_, DataFusionError>((due, permit))
                }
            })
            .map(|due| match due {
                Ok((due, permit)) => {
                    let Due {
                        urls,
                        batch,
                        position,
                    } = due;
                    let row = on_io_runtime(Arc::clone(&shared).read(urls, permit));
                    async move { Ok((batch, position, row.await??)) }.left_future()
                }
                Err(error) => future::ready(Err::<_, DataFusionError>(error)).right_future(),
            })
            .buffered(concurrency);
        let mut read = pin!(read);

        let mut whole = Batch::default();
        while let Some(row) = read.next().await {
            let (batch, position, (contents, permit)) = row?;
            whole.push(position, contents, permit);
            let is_last = position + 1 == batch.num_rows();
            if is_last || whole.rows.len() >= most_rows || whole.bytes >= BATCH_BYTES {
                let whole = std::mem::take(&mut whole);
                let fetched = whole.finish(&batch, &config, &schema)?;
                if sender.send(fetched).await.is_err() {
                    // The consumer needs no more rows.
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Rows {
    /// Reads the URLs of a row. The permit goes where the bytes go.
    async fn read(
        self: Arc<Self>,
        urls: Vec<Option<String>>,
        mut permit: OwnedSemaphorePermit,
    ) -> Result<(RowContents, OwnedSemaphorePermit)> {
        let timer = self.metrics.read_time.timer();
        let reads = self.config.reads.iter().zip(urls);
        let reads = reads.map(|(read, url)| {
            let fails = read.outputs.contains(&ReadOutput::Content);
            let reader = &self.reader;
            async move {
                match url {
                    Some(url) => read_for(reader, &url, fails).await.map(Some),
                    None => Ok(None),
                }
            }
        });
        let contents = future::try_join_all(reads).await?;
        drop(timer);
        let mut bytes = 0;
        for content in contents.iter().flatten() {
            match content {
                Ok(content) => {
                    bytes += content.len();
                    self.metrics.urls_read.add(1);
                }
                Err(_) => self.metrics.urls_failed.add(1),
            }
        }
        self.metrics.bytes_scanned.add(bytes);
        self.longest.fetch_max(bytes, Ordering::Relaxed);
        if let Some(unused) = permit.num_permits().checked_sub(bytes) {
            drop(permit.split(unused));
        }
        Ok((contents, permit))
    }
}

/// The rows of one batch of the input that a batch of the output will have.
#[derive(Default)]
struct Batch {
    start: usize,
    rows: Vec<RowContents>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Batch {
    fn push(&mut self, position: usize, contents: RowContents, permit: OwnedSemaphorePermit) {
        if self.rows.is_empty() {
            self.start = position;
        }
        let read = contents.iter().flatten().flatten();
        self.bytes += read.map(|bytes| bytes.len()).sum::<usize>();
        self.rows.push(contents);
        match &mut self.permit {
            Some(permits) => permits.merge(permit),
            None => self.permit = Some(permit),
        }
    }

    /// Lays the bytes end to end, their only copy, beside the columns that are kept.
    fn finish(self, batch: &RecordBatch, config: &ReadUrls, schema: &SchemaRef) -> Result<Fetched> {
        let rows = batch.slice(self.start, self.rows.len());
        let mut columns = rows.columns()[..config.keep].to_vec();
        for (number, read) in config.reads.iter().enumerate() {
            for output in &read.outputs {
                let contents = self.rows.iter().map(|row| row[number].as_ref());
                columns.push(output.column(contents)?);
            }
        }
        let batch = RecordBatch::try_new(Arc::clone(schema), columns)?;
        Ok((batch, self.permit))
    }
}

fn due_rows(batch: &RecordBatch, config: &ReadUrls) -> Result<Vec<Result<Due>>> {
    let columns = config.reads.iter().map(|read| {
        let urls = cast(batch.column(read.column), &DataType::Utf8)?;
        Ok(urls.as_string::<i32>().clone())
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let due = (0..batch.num_rows()).map(|position| {
        let url = |urls: &arrow::array::StringArray| {
            let url = urls.is_valid(position).then(|| urls.value(position));
            url.map(str::to_owned)
        };
        Ok(Due {
            urls: columns.iter().map(url).collect(),
            batch: batch.clone(),
            position,
        })
    });
    Ok(due.collect())
}
