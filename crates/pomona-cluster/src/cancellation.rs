//! Last words to a cluster, which a process waits for before it ends: jobs to cancel, rows to remove.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

static PENDING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(vec![]);

/// What a process leaves behind if it ends too soon: jobs that have not ended, and clusters inside
/// the process. A query that is dropped may be dropped by another thread a moment later, and its job
/// with it.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The time between two looks at the live jobs.
const PAUSE: Duration = Duration::from_millis(5);

/// Counts its holder as live until it is dropped.
#[derive(Debug)]
pub(crate) struct Live(());

impl Live {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How long all cancellations together may take: a scheduler that is gone cancels nothing.
const LIMIT: Duration = Duration::from_secs(5);

/// Starts a cancellation, where there is a runtime to do it on.
pub(crate) fn spawn(cancellation: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let mut pending = PENDING.lock().unwrap_or_else(|error| error.into_inner());
    pending.retain(|handle| !handle.is_finished());
    pending.push(runtime.spawn(cancellation));
}

/// Waits until the jobs of queries that were dropped are cancelled on their clusters, and clusters
/// of this process have left nothing behind. For the end of a process, when no context is left.
pub async fn cancellations() {
    let all = async {
        while LIVE.load(Ordering::SeqCst) > 0 {
            sleep(PAUSE).await;
        }
        let pending = {
            let mut pending = PENDING.lock().unwrap_or_else(|error| error.into_inner());
            std::mem::take(&mut *pending)
        };
        join_all(pending).await
    };
    if timeout(LIMIT, all).await.is_err() {
        log::warn!("the cluster has not confirmed within {LIMIT:?} that its jobs are ended");
    }
}
