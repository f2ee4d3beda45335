//! The threads that queries run on.

use std::env;
use std::ffi::OsString;
use std::io::{self, Error};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pomona_cluster::cancellations;
use tokio::runtime::Builder;

/// Stack of a thread in bytes. Planning recurses once per level of a plan, and DataFusion's futures are large:
/// the default 2 MB overflow on long queries. The system allocates a stack only as it is used.
pub const STACK_BYTES: usize = 128 * 1024 * 1024;

/// The variable that sets the stack size of threads without one of their own: those on which Ballista
/// runs tasks.
pub const MIN_STACK: &str = "RUST_MIN_STACK";

/// The program and the arguments that start this command again, where they are not those of the process.
static COMMAND_LINE: OnceLock<Vec<OsString>> = OnceLock::new();

/// Whether [`MIN_STACK`] was read with a large value, by a process that cannot start itself again for it.
static HAS_LARGE_STACKS: AtomicBool = AtomicBool::new(false);

/// Says that threads without a size of their own have large stacks: the variable was set while the first of them
/// started, and may be gone since.
pub fn set_large_stacks() {
    HAS_LARGE_STACKS.store(true, Ordering::Relaxed);
}

/// Says how this command is started again, in a process whose program is another: an interpreter. The
/// first element is the program. What was said first holds.
pub fn set_command_line(line: Vec<OsString>) {
    let _ = COMMAND_LINE.set(line);
}

/// Replaces this process by the same program with large stacks for all threads.
///
/// Ballista sets no stack size for its threads, and the standard library reads the variable once, before
/// the first thread starts.
///
/// # Errors
/// When the system cannot start the program.
pub(crate) fn with_large_stacks() -> io::Result<()> {
    if env::var_os(MIN_STACK).is_some() || HAS_LARGE_STACKS.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(again()?.env(MIN_STACK, STACK_BYTES.to_string()).exec())
}

/// Replaces this process by a new run of the program; its supervisor sees the same process.
pub(crate) fn start_again() -> io::Error {
    match again() {
        Ok(mut again) => again.exec(),
        Err(error) => error,
    }
}

fn again() -> io::Result<Command> {
    if let Some((program, arguments)) = COMMAND_LINE.get().and_then(|line| line.split_first()) {
        let mut again = Command::new(program);
        again.args(arguments);
        return Ok(again);
    }
    let mut again = Command::new(env::current_exe()?);
    again.args(env::args_os().skip(1));
    Ok(again)
}

/// Runs a command to its end on threads with large stacks, and cancels the jobs that it left on a
/// cluster.
///
/// # Errors
/// Those of the command, and when a thread cannot start.
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
        // An interrupted command does not wait for batches that are in the network.
        runtime.shutdown_background();
        outcome
    };
    // Planning runs on the thread that calls `block_on`, so its stack is large too.
    let main = thread::Builder::new().stack_size(STACK_BYTES);
    main.spawn(run)?.join().unwrap_or_else(|_panic| {
        let bug = "this is a bug in pomona, please report it with the lines above";
        Err(Error::other(bug).into())
    })
}
