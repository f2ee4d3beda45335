//! Turns rows of a listing into batches with content, fetching ahead of whoever consumes them.
//!
//! ```text
//! rows -> groups -> budget -> slots -> tasks -> arrivals -> batch -> channel of 1 -> consumer
//!                   (2 x batch_bytes)                       '-- permits travel with the batch --'
//! ```
//!
//! A group is an object, or neighbours in a shard, which one request reads ([`crate::groups`]). Slots
//! are the requests in flight, which the partitions of a process share ([`crate::in_flight`]). Rows come
//! in their order, or, where that is nobody's concern, without those that are late
//! ([`crate::arrivals`]).
//!
//! A row takes its listed length from the budget before its request starts, and releases it
//! when its batch reaches the consumer. One batch that waits and one that is being put together
//! fit, and rows take permits in their order, so the oldest row can always finish. Where rows pass
//! others, a batch that nothing fills goes on as it is: what it holds of the budget may be what the
//! next row needs. And there a batch does not wait to be full while no other waits for the consumer,
//! which would have nothing to do: the first is small, and those after it are the larger the longer it takes.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::runtime::JoinSet;
use datafusion::common::{exec_err, internal_datafusion_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::{self, BoxFuture};
use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::arrivals::Arrivals;
use crate::batching::{Batching, Bounds, ReadRow, marked_rows};
use crate::fetch::Fetcher;
use crate::groups::{Group, Turns, groups};
use crate::in_flight::Slot;
use crate::io_runtime::io_runtime;
use crate::shards::Turn;

/// The most groups that are on their way or wait for their turn, and rows that are put together:
/// small objects are bounded by this and not by their bytes.
const AHEAD: usize = 1024;

/// The rows that go on while none wait for the consumer: as many as a network takes in some calls.
const ENOUGH_ROWS: usize = 16;

/// A batch and its share of the budget.
pub(crate) type Fetched = (RecordBatch, Option<OwnedSemaphorePermit>);

/// A group and its share of the budget.
type Due = (Group, OwnedSemaphorePermit);

/// The rows of `listing` with their content, as columns of `schema`, in their order or not. Nothing is
/// requested before the stream is polled for the first time, and dropping it stops all requests.
pub(crate) fn with_content(
    listing: SendableRecordBatchStream,
    schema: SchemaRef,
    bounds: Bounds,
    is_ordered: bool,
    fetcher: Fetcher,
    metrics: BaselineMetrics,
) -> SendableRecordBatchStream {
    let is_starved = Arc::new(AtomicBool::new(false));
    let producer = Producer {
        schema: Arc::clone(&schema),
        bounds,
        is_ordered,
        fetcher: Arc::new(fetcher),
        is_starved: Arc::clone(&is_starved),
    };
    let elapsed = metrics.elapsed_compute().clone();
    let threads = Some(io_runtime());
    ahead(schema, metrics, threads, is_starved, move |sender| {
        producer.run(listing, sender, elapsed)
    })
}

/// The batches that `work` sends, a batch ahead of the consumer. It runs on `threads`, or on those
/// of the consumer, begins when the stream is polled for the first time, and stops when that is
/// dropped. `is_starved` is set while the consumer waits for a batch.
pub(crate) fn ahead<F>(
    schema: SchemaRef,
    metrics: BaselineMetrics,
    threads: Option<&'static Handle>,
    is_starved: Arc<AtomicBool>,
    work: impl FnOnce(mpsc::Sender<Fetched>) -> F + Send + 'static,
) -> SendableRecordBatchStream
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let batches = stream::once(async move { start(work, threads, metrics, is_starved) }).flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

fn start<F>(
    work: impl FnOnce(mpsc::Sender<Fetched>) -> F,
    threads: Option<&'static Handle>,
    metrics: BaselineMetrics,
    is_starved: Arc<AtomicBool>,
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
        let (metrics, is_starved) = (metrics.clone(), Arc::clone(&is_starved));
        async move {
            let (mut receiver, mut tasks) = running?;
            if let Some((batch, permits)) = received(&mut receiver, &is_starved).await {
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

async fn received(
    receiver: &mut mpsc::Receiver<Fetched>,
    is_starved: &AtomicBool,
) -> Option<Fetched> {
    match receiver.try_recv() {
        Ok(batch) => Some(batch),
        Err(TryRecvError::Disconnected) => None,
        Err(TryRecvError::Empty) => {
            is_starved.store(true, Ordering::Relaxed);
            let batch = receiver.recv().await;
            is_starved.store(false, Ordering::Relaxed);
            batch
        }
    }
}

struct Producer {
    schema: SchemaRef,
    bounds: Bounds,
    is_ordered: bool,
    fetcher: Arc<Fetcher>,
    is_starved: Arc<AtomicBool>,
}

impl Producer {
    async fn run(
        self,
        listing: SendableRecordBatchStream,
        sender: mpsc::Sender<Fetched>,
        elapsed: Time,
    ) -> Result<()> {
        let bounds = self.bounds;
        // A listing may be as long as a bucket: rows are taken from it when they are due.
        let rows = listing
            .map(move |batch| marked_rows(batch?, bounds))
            .map(|rows| stream::iter(rows.unwrap_or_else(|error| vec![Err(error)])))
            .flatten();
        let mut due = pin!(self.due(groups(rows, bounds.batch_bytes as u64)));
        let mut turns = Turns::default();
        // Each request is a task of its own, so that it makes progress while this one waits; a
        // connection that nobody reads from times out.
        let mut requests = JoinSet::new();
        let mut arrivals = Arrivals::new(self.is_ordered);
        let mut rows: VecDeque<ReadRow> = VecDeque::new();
        let mut batch = Batching::new(Arc::clone(&self.schema), bounds);
        let mut whole: Option<Fetched> = None;
        // What waits for a slot is always polled: one that is granted and not used is missing elsewhere.
        let mut starting: Option<BoxFuture<'_, (Due, Slot)>> = None;
        let mut is_listed = false;
        loop {
            while whole.is_none() {
                let Some(row) = rows.pop_front() else {
                    match arrivals.take() {
                        Some(group) => rows.extend(group?),
                        None => break,
                    }
                    continue;
                };
                let timer = elapsed.timer();
                if !self.is_ordered && batch.is_full_for(&row) {
                    whole = Some(batch.finish()?);
                    rows.push_front(row);
                } else {
                    let is_last = row.origin.is_last;
                    batch.push(row);
                    if is_last {
                        whole = Some(batch.finish()?);
                    }
                }
                timer.done();
            }
            let is_over = is_listed && starting.is_none() && arrivals.len() == 0;
            if is_over && whole.is_none() {
                if batch.is_empty() {
                    return Ok(());
                }
                whole = Some(batch.finish()?);
            }
            let stale_at = match self.is_ordered || whole.is_some() {
                true => None,
                false => batch.since().map(|since| since + arrivals.patience()),
            };
            let is_stale = stale_at.is_some_and(|at| at <= Instant::now());
            let is_enough = !self.is_ordered && batch.len() >= ENOUGH_ROWS;
            let wakes = [arrivals.late_at(), stale_at.filter(|_| !is_stale)];
            let wake = wakes.into_iter().flatten().min();
            let has_room = starting.is_none() && arrivals.len() + rows.len() < AHEAD;
            tokio::select! {
                place = sender.reserve(), if whole.is_some() || is_stale || is_enough => {
                    // Without a place the consumer needs no more rows.
                    let Ok(place) = place else { return Ok(()) };
                    place.send(match whole.take() {
                        Some(whole) => whole,
                        None => batch.finish()?,
                    });
                }
                Some(ended) = requests.join_next(), if !requests.is_empty() => {
                    let (number, group) = match ended {
                        Ok(ended) => ended,
                        Err(stopped) if stopped.is_panic() => {
                            std::panic::resume_unwind(stopped.into_panic())
                        }
                        Err(stopped) => return exec_err!("a request was stopped: {stopped}"),
                    };
                    arrivals.arrive(number, group, Instant::now());
                }
                ((group, permit), slot) = started(&mut starting), if starting.is_some() => {
                    starting = None;
                    let turn = turns.next(&group.rows);
                    let fetcher = Arc::clone(&self.fetcher);
                    let number = arrivals.begin(Instant::now());
                    let request = fetch_group(fetcher, group, turn, permit, slot);
                    requests.spawn(async move { (number, request.await) });
                }
                next = due.next(), if !is_listed && has_room => match next {
                    Some(Ok(due)) => starting = Some(self.slot(due).boxed()),
                    // It is an error when those before it were handed on.
                    Some(Err(error)) => {
                        let number = arrivals.begin(Instant::now());
                        arrivals.arrive(number, Err(error), Instant::now());
                        is_listed = true;
                    }
                    None => is_listed = true,
                },
                () = until(wake), if wake.is_some() => arrivals.pass_late(Instant::now()),
                else => return internal_err!("the fetch of images waits for nothing"),
            }
        }
    }

    /// The groups with their share of the budget.
    fn due(
        &self,
        groups: impl Stream<Item = Result<Group>> + Send,
    ) -> impl Stream<Item = Result<Due>> + Send {
        let batch = self.bounds.batch_bytes;
        let capacity = batch.saturating_mul(2).min(u32::MAX as usize);
        let budget = Arc::new(Semaphore::new(capacity));
        groups.then(move |group| {
            let budget = Arc::clone(&budget);
            async move {
                let group = group?;
                // Of several rows no more than a batch: they wait for one that is begun.
                let most = match group.rows.as_slice() {
                    [_] => capacity,
                    _ => batch.min(capacity),
                };
                let share = group.bytes().min(most as u64) as u32;
                let permit = budget.acquire_many_owned(share).await;
                Ok::<_, DataFusionError>((group, permit.map_err(|_| closed())?))
            }
        })
    }

    /// Waits for a slot of the group's store.
    async fn slot(&self, due: Due) -> (Due, Slot) {
        let path = due.0.rows.first().map_or("", |row| row.path.as_str());
        let slots = self.fetcher.slots(path);
        let slot = slots.slot(&self.is_starved).await;
        (due, slot)
    }
}

/// What was waiting for a slot, which it has.
async fn started<T>(starting: &mut Option<BoxFuture<'_, T>>) -> T {
    match starting {
        Some(starting) => starting.await,
        None => future::pending().await,
    }
}

async fn until(wake: Option<Instant>) {
    if let Some(wake) = wake {
        tokio::time::sleep_until(wake.into()).await;
    }
}

fn closed() -> DataFusionError {
    internal_datafusion_err!("the budget is closed")
}

/// The requests of a group, in a task of their own. The permit goes where the bytes go.
async fn fetch_group(
    fetcher: Arc<Fetcher>,
    group: Group,
    turn: Option<Turn>,
    mut permit: OwnedSemaphorePermit,
    slot: Slot,
) -> Result<Vec<ReadRow>> {
    let Group { mut rows, origins } = group;
    let is_in_shard = rows.first().is_some_and(|row| row.place.is_some());
    let lengths: Vec<u64> = rows.iter().map(|row| row.length).collect();
    let contents = match is_in_shard {
        false => match rows.pop() {
            Some(row) => vec![fetcher.fetch(row.path, row.length).await?],
            None => vec![],
        },
        true => fetcher.fetch_members(&rows, turn).await?,
    };
    slot.done(contents.iter().flatten().map(Bytes::len).sum::<usize>() as u64);
    let last = lengths.len().saturating_sub(1);
    let contents = contents.into_iter().zip(lengths).zip(origins).enumerate();
    let shared = contents.map(|(number, ((content, length), origin))| {
        let left = permit.num_permits();
        let share = match number == last {
            true => left,
            false => usize::try_from(length).map_or(left, |length| length.min(left)),
        };
        Ok(ReadRow {
            origin,
            content,
            permit: permit.split(share).ok_or_else(closed)?,
        })
    });
    shared.collect()
}
