//! The threads that queries run on.

use std::io::{self, Error};
use std::thread;

use pomona_cluster::cancellations;
use tokio::runtime::Builder;

/// Plans of many levels recurse deeply, and DataFusion's futures are large: the default 2 MB of a
/// thread's stack overflow on queries that are merely long.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Runs a command to its end on threads with large stacks, and cancels what it left on a cluster.
///
/// # Errors
/// Those of the command, and when the system starts no threads.
pub(crate) fn on_large_stack<T, E>(
    command: impl AsyncFnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<io::Error> + Send + 'static,
{
    let run = move || {
        let runtime = Builder::new_multi_thread()
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        let outcome = runtime.block_on(async {
            let outcome = command().await;
            cancellations().await;
            outcome
        });
        // A command that was interrupted does not wait for the batches that are in the network.
        runtime.shutdown_background();
        outcome
    };
    // Planning happens on the thread that waits, so that one's stack is large too.
    let main = thread::Builder::new().stack_size(STACK_BYTES);
    main.spawn(run)?.join().unwrap_or_else(|_panic| {
        let bug = "this is a bug in pomona, please report it with the lines above";
        Err(Error::other(bug).into())
    })
}
