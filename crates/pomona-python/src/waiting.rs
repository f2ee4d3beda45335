//! Waiting for the engine: with the interpreter's lock released, until it is done or Ctrl-C.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pomona_cli::STACK_BYTES;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::errors::raise;
use crate::runtime::runtime;

/// The time between two looks for signals.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// Runs work on the threads of the module and waits for its outcome. At Ctrl-C the work is dropped, which cancels
/// it on a cluster, too.
///
/// # Errors
/// What a signal handler of Python raises, such as `KeyboardInterrupt`; and in a forked process.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let mut task = Task(runtime(py)?.spawn(work));
    loop {
        let handle = &mut task.0;
        match py.detach(move || within(handle, POLL)) {
            Some(Ok(outcome)) => return Ok(outcome),
            Some(Err(ended)) if ended.is_panic() => resume_unwind(ended.into_panic()),
            Some(Err(_)) => return Err(PyRuntimeError::new_err("the engine has ended")),
            None => py.check_signals()?,
        }
    }
}

/// Runs work on a thread of its own and waits for its outcome, as [`wait`]: for futures that no other thread can take
/// over.
///
/// # Errors
/// As [`wait`], and when the system gives no thread.
pub(crate) fn wait_alone<T: Send + 'static, F: Future<Output = T>>(
    py: Python<'_>,
    work: impl FnOnce() -> F + Send + 'static,
) -> PyResult<T> {
    let runtime = runtime(py)?.clone();
    // Dropped when this returns, which stops the work.
    let (_stop, stopped) = oneshot::channel::<()>();
    let (done, mut outcome) = oneshot::channel();
    let run = move || {
        let outcome = runtime.block_on(async move {
            tokio::select! {
                outcome = work() => Some(outcome),
                _ = stopped => None,
            }
        });
        if let Some(outcome) = outcome {
            // Whoever waits may have gone.
            let _ = done.send(outcome);
        }
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    thread.map_err(|error| raise(py, error))?;
    loop {
        let outcome = &mut outcome;
        match py.detach(move || within(outcome, POLL)) {
            Some(Ok(outcome)) => return Ok(outcome),
            Some(Err(_)) => return Err(PyRuntimeError::new_err("the engine has ended")),
            None => py.check_signals()?,
        }
    }
}

/// Aborts what nobody waits for any more.
pub(crate) struct Task<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls a future on this thread until it is ready, or until the time is over. It needs no runtime here: foreign
/// threads call this.
pub(crate) fn within<F: Future + Unpin>(future: &mut F, time: Duration) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let start = Instant::now();
    loop {
        if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut context) {
            return Some(output);
        }
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
