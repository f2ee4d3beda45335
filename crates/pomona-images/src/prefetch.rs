//! Turns rows of a listing into batches with content, fetching ahead of whoever consumes them.
//!
//! ```text
//! rows -> groups -> budget -> tasks, at most `concurrency` -> in order -> batch -> channel of 1 -> consumer
//!                   (2 x batch_bytes)                         '-- permits travel with the batch --'
//! ```
//!
//! A group is an object, or neighbours in a shard, which one request reads ([`crate::groups`]).
//!
//! A row takes its listed length from the budget before its request starts, and releases it
//! when its batch reaches the consumer. One batch that waits and one that is being put together
//! fit, and rows take permits in their order, so the oldest row can always finish.

use std::pin::pin;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, StringArray};
use arrow::datatypes::{Int64Type, SchemaRef};
use bytes::Bytes;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::common::{exec_datafusion_err, exec_err, internal_datafusion_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, Stream, StreamExt, future, stream};
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::ImagesError;
use crate::fetch::{Content, Fetcher, ListedRow};
use crate::groups::{Group, Turns, groups};
use crate::io_runtime::io_runtime;
use crate::shards::{Place, Turn};

/// What an object is taken to have whose listing does not say how long it is.
const UNKNOWN_LENGTH: u64 = 1 << 20;

/// The bounds of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Requests in flight.
    pub concurrency: usize,
    /// Rows a batch.
    pub batch_rows: usize,
    /// Listed bytes a batch, unless it has one row only.
    pub batch_bytes: usize,
}

/// A batch and its share of the budget.
pub(crate) type Fetched = (RecordBatch, Option<OwnedSemaphorePermit>);

/// The rows of `listing` with their content, as columns of `schema`. Nothing is requested before
/// the stream is polled for the first time, and dropping it stops all requests.
pub(crate) fn with_content(
    listing: SendableRecordBatchStream,
    schema: SchemaRef,
    bounds: Bounds,
    fetcher: Fetcher,
    metrics: BaselineMetrics,
) -> SendableRecordBatchStream {
    let producer = Producer {
        schema: Arc::clone(&schema),
        bounds,
        fetcher: Arc::new(fetcher),
    };
    let elapsed = metrics.elapsed_compute().clone();
    ahead(schema, metrics, Some(io_runtime()), move |sender| {
        producer.run(listing, sender, elapsed)
    })
}

/// The batches that `work` sends, a batch ahead of the consumer. It runs on `threads`, or on those
/// of the consumer, begins when the stream is polled for the first time, and stops when that is
/// dropped.
pub(crate) fn ahead<F>(
    schema: SchemaRef,
    metrics: BaselineMetrics,
    threads: Option<&'static Handle>,
    work: impl FnOnce(mpsc::Sender<Fetched>) -> F + Send + 'static,
) -> SendableRecordBatchStream
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let batches = stream::once(async move { start(work, threads, metrics) }).flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

fn start<F>(
    work: impl FnOnce(mpsc::Sender<Fetched>) -> F,
    threads: Option<&'static Handle>,
    metrics: BaselineMetrics,
) -> impl Stream<Item = Result<RecordBatch>>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    match threads {
        Some(threads) => tasks.spawn_on(work(sender), threads),
        None => tasks.spawn(work(sender)),
    };
    stream::unfold(Some((receiver, tasks)), move |running| {
        let metrics = metrics.clone();
        async move {
            let (mut receiver, mut tasks) = running?;
            if let Some((batch, permits)) = receiver.recv().await {
                drop(permits);
                return Some((Ok(batch.record_output(&metrics)), Some((receiver, tasks))));
            }
            // The channel also closes when the producer fails: only its own word that it is
            // finished makes the end of the channel the end of the rows.
            match tasks.join_next().await {
                Some(Ok(Ok(()))) => None,
                Some(Ok(Err(error))) => Some((Err(error), None)),
                Some(Err(stopped)) if stopped.is_panic() => {
                    std::panic::resume_unwind(stopped.into_panic())
                }
                stopped => Some((
                    exec_err!("the fetch of images was stopped: {stopped:?}"),
                    None,
                )),
            }
        }
    })
}

struct Producer {
    schema: SchemaRef,
    bounds: Bounds,
    fetcher: Arc<Fetcher>,
}

impl Producer {
    async fn run(
        self,
        listing: SendableRecordBatchStream,
        sender: mpsc::Sender<Fetched>,
        elapsed: datafusion::physical_plan::metrics::Time,
    ) -> Result<()> {
        let capacity = self
            .bounds
            .batch_bytes
            .saturating_mul(2)
            .min(u32::MAX as usize);
        let budget = Arc::new(Semaphore::new(capacity));
        let fetcher = Arc::clone(&self.fetcher);
        let bounds = self.bounds;
        // A listing may be as long as a bucket: rows are taken from it when they are due.
        let rows = listing
            .map(move |batch| marked_rows(&batch?, bounds))
            .map(|rows| stream::iter(rows.unwrap_or_else(|error| vec![Err(error)])))
            .flatten();
        // Each request is a task of its own, so that it makes progress while this one waits for
        // the consumer; a connection that nobody reads from times out.
        let mut turns = Turns::default();
        let contents = groups(rows, bounds.batch_bytes as u64)
            .then(move |group: Result<Group>| {
                let budget = Arc::clone(&budget);
                async move {
                    let group = group?;
                    // Of several rows no more than a batch: they wait for one that is begun.
                    let most = match group.rows.as_slice() {
                        [_] => capacity,
                        _ => bounds.batch_bytes.min(capacity),
                    };
                    let share = group.bytes().min(most as u64) as u32;
                    Ok::<_, DataFusionError>((group, budget.acquire_many_owned(share).await))
                }
            })
            .map(move |due: Result<_>| match due {
                Ok((Group { rows, cuts }, permit)) => {
                    let turn = turns.next(&rows);
                    let fetcher = Arc::clone(&fetcher);
                    let fetched = SpawnedTask::spawn(fetch_group(fetcher, rows, turn, permit));
                    async move { Ok((fetched.await, cuts)) }.left_future()
                }
                Err(error) => future::ready(Err::<_, DataFusionError>(error)).right_future(),
            })
            .buffered(self.bounds.concurrency);
        let mut contents = pin!(contents);

        let mut content: Vec<Content> = Vec::new();
        let mut permits: Option<OwnedSemaphorePermit> = None;
        while let Some(fetched) = contents.next().await {
            let (fetched, cuts) = fetched?;
            let fetched = match fetched {
                Ok(fetched) => fetched?,
                Err(stopped) if stopped.is_panic() => {
                    std::panic::resume_unwind(stopped.into_panic())
                }
                Err(stopped) => return exec_err!("a request was stopped: {stopped}"),
            };
            for ((bytes, permit), cut) in fetched.into_iter().zip(cuts) {
                content.push(bytes);
                match &mut permits {
                    Some(permits) => permits.merge(permit),
                    None => permits = Some(permit),
                }
                let Some(cut) = cut else { continue };
                let timer = elapsed.timer();
                let batch = append_content(&cut, std::mem::take(&mut content), &self.schema)?;
                timer.done();
                if sender.send((batch, permits.take())).await.is_err() {
                    // The consumer needs no more rows.
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A row, and the rows of the output batch that it is the last of.
pub(crate) type Marked = (ListedRow, Option<RecordBatch>);

/// The rows of a listing's batch, divided into output batches.
fn marked_rows(batch: &RecordBatch, bounds: Bounds) -> Result<Vec<Result<Marked>>> {
    let rows = listed_rows(batch)?;
    let mut cuts = cut(&rows, bounds).into_iter().peekable();
    let marked = rows.into_iter().enumerate().map(|(position, row)| {
        let is_last = |&(start, len): &(usize, usize)| start + len == position + 1;
        let cut = cuts.next_if(is_last);
        Ok((row, cut.map(|(start, len)| batch.slice(start, len))))
    });
    Ok(marked.collect())
}

/// The requests of a group, in a task of their own. The permit goes where the bytes go.
async fn fetch_group(
    fetcher: Arc<Fetcher>,
    mut rows: Vec<ListedRow>,
    turn: Option<Turn>,
    permit: Result<OwnedSemaphorePermit, AcquireError>,
) -> Result<Vec<(Content, OwnedSemaphorePermit)>> {
    let closed = || internal_datafusion_err!("the budget is closed");
    let mut permit = permit.map_err(|_| closed())?;
    let is_in_shard = rows.first().is_some_and(|row| row.place.is_some());
    if !is_in_shard && let Some(row) = rows.pop() {
        return Ok(vec![(fetcher.fetch(row.path, row.length).await?, permit)]);
    }
    let contents = fetcher.fetch_members(&rows, turn).await?;
    let last = rows.len().saturating_sub(1);
    let contents = rows.iter().zip(contents).enumerate();
    let shared = contents.map(|(number, (row, content))| {
        let left = permit.num_permits();
        let share = match number == last {
            true => left,
            false => usize::try_from(row.length).map_or(left, |length| length.min(left)),
        };
        Ok((content, permit.split(share).ok_or_else(closed)?))
    });
    shared.collect()
}

fn listed_rows(batch: &RecordBatch) -> Result<Vec<ListedRow>> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| internal_datafusion_err!("the listing has no column {name}"))
    };
    let paths = column("path")?
        .as_string_opt::<i32>()
        .ok_or_else(|| exec_datafusion_err!("the paths of a listing are not Utf8"))?;
    let lengths = column("length")?
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| exec_datafusion_err!("the lengths of a listing are not Int64"))?;
    // Only a listing with tags has images in shards.
    let e_tags = batch.column_by_name("e_tag");
    let e_tags = e_tags.and_then(|e_tags| e_tags.as_string_opt::<i32>());
    let place = |row: usize| {
        let e_tags = e_tags.filter(|e_tags| e_tags.is_valid(row))?;
        Place::parse(e_tags.value(row))
    };
    let rows = paths.iter().zip(lengths.iter()).enumerate();
    let rows = rows.map(|(row, (path, length))| ListedRow {
        path: path.unwrap_or_default().to_owned(),
        length: length.map_or(UNKNOWN_LENGTH, |length| {
            u64::try_from(length).unwrap_or_default()
        }),
        place: place(row),
    });
    Ok(rows.collect())
}

/// Start and length of each output batch within one batch of the listing.
fn cut(rows: &[ListedRow], bounds: Bounds) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (i, row) in rows.iter().enumerate() {
        let is_full = i - start >= bounds.batch_rows
            || bytes.saturating_add(row.length) > bounds.batch_bytes as u64;
        if is_full && i > start {
            cuts.push((start, i - start));
            (start, bytes) = (i, 0);
        }
        bytes = bytes.saturating_add(row.length);
    }
    if start < rows.len() {
        cuts.push((start, rows.len() - start));
    }
    cuts
}

/// Lays the objects' bytes end to end, their only copy, beside the listed columns of `schema`.
fn append_content(
    listing: &RecordBatch,
    content: Vec<Content>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let total: usize = content.iter().flatten().map(Bytes::len).sum();
    let reasons = content.iter().map(|content| content.as_ref().err());
    let reasons: ArrayRef = Arc::new(reasons.collect::<StringArray>());
    if i32::try_from(total).is_err() {
        let rows = listed_rows(&listing.slice(0, 1))?;
        let path = rows
            .into_iter()
            .map(|row| row.path)
            .next()
            .unwrap_or_default();
        return Err(ImagesError::BatchOverflow {
            path,
            length: total as u64,
        }
        .into());
    }
    let mut builder = BinaryBuilder::with_capacity(content.len(), total);
    for bytes in content {
        builder.append_option(bytes.ok());
    }
    let built: ArrayRef = Arc::new(builder.finish());
    let columns = schema.fields().iter().map(|field| {
        match field.name().as_str() {
            "content" => return Ok(Arc::clone(&built)),
            "read_error" => return Ok(Arc::clone(&reasons)),
            _ => {}
        }
        let listed = listing.column_by_name(field.name());
        listed
            .cloned()
            .ok_or_else(|| internal_datafusion_err!("the listing has no column {}", field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(lengths: &[u64], batch_rows: usize, batch_bytes: usize) -> Vec<(usize, usize)> {
        let row = |&length: &u64| ListedRow {
            path: String::new(),
            length,
            place: None,
        };
        let rows: Vec<_> = lengths.iter().map(row).collect();
        cut(
            &rows,
            Bounds {
                concurrency: 1,
                batch_rows,
                batch_bytes,
            },
        )
    }

    #[test]
    fn batches_are_bounded_in_rows_and_bytes() {
        assert_eq!(cuts(&[1, 1, 1, 1, 1], 2, 100), [(0, 2), (2, 2), (4, 1)]);
        assert_eq!(
            cuts(&[40, 40, 40, 20, 90], 10, 100),
            [(0, 2), (2, 2), (4, 1)]
        );
        assert_eq!(cuts(&[1, 500, 1, 1], 10, 100), [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(cuts(&[500, 500], 10, 100), [(0, 1), (1, 1)]);
        assert!(cuts(&[], 10, 100).is_empty());
    }
}
