//! The threads of the module: one runtime a process, which begins with the first call that needs it.

use std::process;
use std::sync::{Mutex, OnceLock, PoisonError, Weak};
use std::thread;

use pomona_cli::{MIN_STACK, STACK_BYTES, set_large_stacks, start_log};
use pomona_cluster::cancellations;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::errors::{plain, raise};

static RUNTIME: OnceLock<Started> = OnceLock::new();

/// What ends with the interpreter: sessions on clusters, and what reads their rows.
static OPEN: Mutex<Vec<Weak<dyn Ends>>> = Mutex::new(vec![]);

/// The error of a process that was forked.
const FORKED: &str = "this process was forked from one in which Pomona had begun, and Pomona's threads are not in it: \
    start processes with multiprocessing.get_context('spawn') or 'forkserver', or fork before Pomona is used";

struct Started {
    runtime: Runtime,
    process: u32,
}

/// What lets its cluster go.
pub(crate) trait Ends: Send + Sync {
    /// Drops what belongs to a cluster.
    fn end(&self);
}

/// The runtime of this process.
///
/// # Errors
/// In a fork of a process that has one, and when the system gives no threads.
pub(crate) fn runtime(py: Python<'_>) -> PyResult<&'static Handle> {
    if RUNTIME.get().is_none() {
        start(py)?;
    }
    runtime_here().map_err(|text| plain(py, text))
}

/// The runtime, where it has begun and this is its process; else why not.
pub(crate) fn runtime_here() -> Result<&'static Handle, &'static str> {
    match RUNTIME.get() {
        Some(started) if started.process == process::id() => Ok(started.runtime.handle()),
        _ => Err(FORKED),
    }
}

fn start(py: Python<'_>) -> PyResult<()> {
    large_stacks(py)?;
    let runtime = Builder::new_multi_thread()
        .thread_name("pomona")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build();
    let started = Started {
        runtime: runtime.map_err(|error| raise(py, error))?,
        process: process::id(),
    };
    if let Err(second) = RUNTIME.set(started) {
        // Another thread was faster.
        second.runtime.shutdown_background();
        return Ok(());
    }
    start_log();
    let at_exit = wrap_pyfunction!(end_clusters, py)?;
    py.import("atexit")?.call_method1("register", (at_exit,))?;
    Ok(())
}

/// Makes the stacks of threads that have no size of their own large, as a command does by starting itself again:
/// those on which Ballista runs tasks. The standard library reads the variable once, at the first such thread.
pub(crate) fn large_stacks(py: Python<'_>) -> PyResult<()> {
    static READ: OnceLock<()> = OnceLock::new();
    if READ.get().is_some() {
        return Ok(());
    }
    let variables = py.import("os")?.getattr("environ")?;
    let is_set = variables.contains(MIN_STACK)?;
    if !is_set {
        variables.set_item(MIN_STACK, STACK_BYTES.to_string())?;
    }
    let first = thread::spawn(|| {});
    let ended = py.detach(|| first.join());
    if !is_set {
        // Another thread may have been here at the same moment.
        variables.call_method1("pop", (MIN_STACK, py.None()))?;
    }
    if ended.is_ok() {
        let _ = READ.set(());
        set_large_stacks();
    }
    Ok(())
}

/// Whether a value that was made in `process` may be dropped here: in a fork it would remove the files of the
/// process that made it.
pub(crate) fn is_of_this_process(process: u32) -> bool {
    process == process::id()
}

/// Remembers what is to end with the interpreter.
pub(crate) fn ends_at_exit(open: Weak<dyn Ends>) {
    let mut all = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() == all.capacity() {
        all.retain(|open| open.strong_count() > 0);
    }
    all.push(open);
}

/// Ends clusters inside the process, and waits until the jobs of queries that were dropped are cancelled.
#[pyfunction]
fn end_clusters(py: Python<'_>) {
    let Ok(runtime) = runtime_here() else {
        return;
    };
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    if open.is_empty() {
        return;
    }
    py.detach(|| {
        for open in open.iter().filter_map(Weak::upgrade) {
            open.end();
        }
        runtime.block_on(cancellations());
    });
}
