//! [`Apart`]: a stream on a thread of its own.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{SCOPE, Scope};

/// A stream that is polled on a thread of its own, and only for batches that are asked for.
///
/// The runtime's threads stay free. There are no more of them than partitions, and while all decode,
/// none could drop the tasks of a query that was cancelled, or send a heartbeat.
pub(super) struct Apart {
    scope: Scope,
    state: State,
}

enum State {
    /// Nothing was asked for.
    Waiting(SendableRecordBatchStream),
    Running(Running),
    /// The last batch was handed on.
    Ended,
}

struct Running {
    requests: Sender<()>,
    batches: Receiver<Option<Result<RecordBatch>>>,
    thread: JoinHandle<()>,
}

impl Apart {
    pub(super) fn new(scope: Scope, input: SendableRecordBatchStream) -> Self {
        Self {
            scope,
            state: State::Waiting(input),
        }
    }

    /// The next batch.
    pub(super) async fn next(&mut self) -> Option<Result<RecordBatch>> {
        let mut running = match std::mem::replace(&mut self.state, State::Ended) {
            State::Waiting(input) => match start(self.scope.clone(), input) {
                Ok(running) => running,
                Err(error) => return Some(Err(error)),
            },
            State::Running(running) => running,
            State::Ended => return None,
        };
        let asked = running.requests.send(()).await.is_ok();
        match running.batches.recv().await {
            Some(batch) if asked => {
                if batch.is_some() {
                    self.state = State::Running(running);
                }
                batch
            }
            // The thread has ended without a word: it panicked.
            _ => match running.thread.join() {
                Ok(()) => None,
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

/// Whoever drops the stream stops the decoder. Waiting for anything else ends with the channel.
impl Drop for Apart {
    fn drop(&mut self) {
        self.scope.interrupt.raise();
    }
}

fn start(scope: Scope, mut input: SendableRecordBatchStream) -> Result<Running> {
    let (requests, mut requested) = channel(1);
    let (sender, batches) = channel(1);
    let work = async move {
        while requested.recv().await.is_some() {
            let batch = tokio::select! {
                batch = input.next() => batch,
                () = sender.closed() => break,
            };
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    };
    let runtime = Handle::current();
    let thread = thread::Builder::new()
        .name("pomona-decode".to_string())
        .spawn(move || runtime.block_on(SCOPE.scope(scope, work)))?;
    Ok(Running {
        requests,
        batches,
        thread,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use arrow::datatypes::Schema;
    use datafusion::execution::TaskContext;
    use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;
    use tokio::runtime::Builder;

    use super::*;
    use crate::PomonaOptions;
    use crate::decoding::decoding;

    fn apart(batch: impl FnOnce() -> Result<RecordBatch> + Send + 'static) -> Apart {
        let schema = Arc::new(Schema::empty());
        let batches = stream::once(async move { batch() });
        let input = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
        let scope = Scope::new(&TaskContext::default(), &ExecutionPlanMetricsSet::new(), 0);
        Apart::new(scope, input)
    }

    fn empty() -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    #[test]
    fn dropping_the_stream_stops_a_decoder_that_keeps_its_thread() {
        let (sender, ended) = mpsc::channel();
        let mut decoder = apart(move || {
            let interrupt = decoding(&PomonaOptions::default()).interrupt.unwrap();
            sender.send("begun").unwrap();
            while !interrupt.is_raised() {
                thread::yield_now();
            }
            sender.send("stopped").unwrap();
            empty()
        });
        // The only thread of this runtime is the one that would have to hear of the drop.
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = decoder.next() => panic!("it does not end"),
                () = async { while ended.try_recv().is_err() { tokio::task::yield_now().await } } => {}
            }
        });
        drop(decoder);
        assert_eq!(ended.recv_timeout(Duration::from_secs(180)), Ok("stopped"));
    }

    #[tokio::test]
    async fn batches_come_one_by_one_and_end() {
        let mut one = apart(empty);
        assert!(one.next().await.unwrap().is_ok());
        assert!(one.next().await.is_none());
        assert!(one.next().await.is_none());
    }

    #[tokio::test]
    #[should_panic(expected = "the reason")]
    async fn a_panic_is_handed_on() {
        apart(|| panic!("the reason")).next().await;
    }
}
