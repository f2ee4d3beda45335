//! One execution of a listing: pages on the threads of storage, rows to partitions on demand.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::common::exec_datafusion_err;
use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use futures::StreamExt;
use tokio::sync::{Mutex, mpsc};

use crate::io_runtime::io_runtime;
use crate::listing::{ListedObject, Pages, Report};
use crate::selection::Selection;
use crate::shards::run_length;

/// Pages that wait for a partition to ask.
const PAGES_AHEAD: usize = 2;

/// A listing that may have begun.
pub(crate) struct Begin {
    /// The rows that were listed and selected before.
    pub first: Vec<ListedObject>,
    pub rest: Pages,
    pub report: Report,
}

/// A listing that all partitions of an execution share.
pub(crate) struct ListingRun(Mutex<Feed>);

struct Feed {
    ready: VecDeque<ListedObject>,
    state: State,
}

enum State {
    /// Nobody has asked for rows.
    Waiting(Box<Start>),
    Running(mpsc::Receiver<Vec<ListedObject>>, JoinSet<Result<()>>),
    Ended,
    /// Each partition hears of it: one that took the end of the rows for their end would pass on
    /// a part of them.
    Failed(Arc<DataFusionError>),
}

struct Start {
    pages: Pages,
    report: Report,
    selection: Selection,
    left: Option<usize>,
}

impl ListingRun {
    /// A listing of at most so many rows.
    pub(crate) fn new(begin: Begin, selection: Selection, limit: Option<usize>) -> Self {
        let mut ready = VecDeque::from(begin.first);
        if let Some(limit) = limit {
            ready.truncate(limit);
        }
        let start = Start {
            pages: begin.rest,
            report: begin.report,
            selection,
            left: limit.map(|limit| limit - ready.len()),
        };
        let state = State::Waiting(Box::new(start));
        Self(Mutex::new(Feed { ready, state }))
    }

    /// The next rows, at most so many, or neighbours in a shard; none after the last.
    ///
    /// # Errors
    /// If the listing or a filter fails, to every partition.
    pub(crate) async fn next(&self, most: usize) -> Result<Option<Vec<ListedObject>>> {
        let mut feed = self.0.lock().await;
        loop {
            if !feed.ready.is_empty() {
                let count = run_length(&feed.ready, most);
                return Ok(Some(feed.ready.drain(..count).collect()));
            }
            let Feed { ready, state } = &mut *feed;
            match state {
                State::Waiting(_) => {
                    let State::Waiting(start) = std::mem::replace(state, State::Ended) else {
                        unreachable!("it was just matched")
                    };
                    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
                    let mut tasks = JoinSet::new();
                    tasks.spawn_on(start.list(sender), io_runtime());
                    *state = State::Running(receiver, tasks);
                }
                State::Running(receiver, tasks) => match receiver.recv().await {
                    Some(objects) => *ready = objects.into(),
                    // The channel also closes when the task fails or is stopped.
                    None => {
                        *state = match tasks.join_next().await {
                            Some(Ok(Ok(()))) => State::Ended,
                            Some(Ok(Err(error))) => State::Failed(Arc::new(error)),
                            Some(Err(stopped)) if stopped.is_panic() => {
                                std::panic::resume_unwind(stopped.into_panic())
                            }
                            stopped => State::Failed(Arc::new(exec_datafusion_err!(
                                "the listing was stopped: {stopped:?}"
                            ))),
                        }
                    }
                },
                State::Ended => return Ok(None),
                State::Failed(error) => return Err(DataFusionError::Shared(Arc::clone(error))),
            }
        }
    }
}

impl Start {
    async fn list(mut self: Box<Self>, sender: mpsc::Sender<Vec<ListedObject>>) -> Result<()> {
        while self.left != Some(0)
            && let Some(page) = self.pages.next().await
        {
            let page = page?;
            self.report.add(page.skipped);
            let mut objects = self.selection.select(page.objects)?;
            if let Some(left) = &mut self.left {
                objects.truncate(*left);
                *left -= objects.len();
            }
            if !objects.is_empty() && sender.send(objects).await.is_err() {
                // The query needs no more rows.
                break;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ListingRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListingRun").finish_non_exhaustive()
    }
}
