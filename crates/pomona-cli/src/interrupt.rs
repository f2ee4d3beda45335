//! Ctrl-C and SIGTERM, which end a command in the same way.
//!
//! A thread of its own waits for the signal, because the network keeps the query's threads busy
//! for seconds at a time and a signal is delivered to a runtime when one of its threads is free.

use std::io::{Error, Result};
use std::process;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot::{Receiver, channel};

use crate::terminal::note;

/// The exit code of a process that ended because of Ctrl-C: 128 and the number of the signal, as
/// shells count.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns a receiver that resolves at the first Ctrl-C. The second ends the process at once.
///
/// # Errors
/// When the thread that waits for the signal cannot start.
pub(crate) fn first_interrupt() -> Result<Receiver<()>> {
    let (sender, receiver) = channel();
    let mut sender = Some(sender);
    on_interrupt(move || {
        let stopping = sender.take().is_some_and(|sender| sender.send(()).is_ok());
        if !stopping {
            #[expect(clippy::exit, reason = "the second Ctrl-C ends the process at once")]
            process::exit(i32::from(INTERRUPTED));
        }
    })?;
    Ok(receiver)
}

/// Runs `work` to its end, or returns `None` at the first Ctrl-C.
///
/// On a cluster, Ctrl-C drops the work and thereby cancels its jobs; this thread computes nothing, so
/// that it reacts at once. Without a cluster, Ctrl-C ends the process.
///
/// # Errors
/// Those of the work, and when the thread that waits for the signal cannot start.
pub(crate) async fn interruptible<T, E: From<Error>>(
    on_cluster: bool,
    work: impl Future<Output = std::result::Result<T, E>>,
) -> std::result::Result<Option<T>, E> {
    if !on_cluster {
        exit_on_interrupt()?;
        return work.await.map(Some);
    }
    let interrupt = first_interrupt()?;
    tokio::select! {
        outcome = work => outcome.map(Some),
        Ok(()) = interrupt => {
            note!("Interrupted");
            Ok(None)
        }
    }
}

/// Ends the process at the first Ctrl-C.
///
/// # Errors
/// When the thread that waits for the signal cannot start.
pub(crate) fn exit_on_interrupt() -> Result<()> {
    on_interrupt(|| {
        note!("Interrupted");
        #[expect(clippy::exit, reason = "the work holds the threads that could return")]
        process::exit(i32::from(INTERRUPTED));
    })
}

fn on_interrupt(mut act: impl FnMut() + Send + 'static) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut ended = {
        let _here = runtime.enter();
        signal(SignalKind::terminate())?
    };
    thread::Builder::new()
        .name("pomona-signals".to_string())
        .spawn(move || {
            loop {
                let heard = runtime.block_on(async {
                    tokio::select! {
                        heard = ctrl_c() => heard.is_ok(),
                        heard = ended.recv() => heard.is_some(),
                    }
                });
                if !heard {
                    break;
                }
                act();
            }
        })
        .map(drop)
}
