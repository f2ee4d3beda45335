//! The threads that talk to storage while the query's own threads compute.

use std::sync::LazyLock;

use datafusion::common::runtime::JoinSet;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("pomona-io")
        .enable_all()
        .build()
        .expect("the operating system starts two threads")
});

/// The runtime, one a process, on which objects are listed and fetched.
///
/// Inference occupies the thread that polls a scan for most of a second a batch, and an executor
/// may have one such thread only: requests on the same runtime would stand still meanwhile, and
/// connections would time out. Two threads decrypt and copy several hundred MB a second.
pub fn io_runtime() -> &'static Handle {
    RUNTIME.handle()
}

/// Runs `work` on [`io_runtime`] and waits for it; dropping the wait stops the work.
pub(crate) async fn on_io_runtime<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work, io_runtime());
    match tasks.join_next().await {
        Some(Ok(value)) => Ok(value),
        Some(Err(stopped)) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Some(Err(stopped)) => exec_err!("work on the storage was stopped: {stopped}"),
        None => internal_err!("a task on the storage runtime is missing"),
    }
}
