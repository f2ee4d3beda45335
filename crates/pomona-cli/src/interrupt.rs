//! Ctrl-C.
//!
//! A thread of its own waits for the signal, because the network keeps the query's threads busy
//! for seconds at a time and a signal is delivered to a runtime when one of its threads is free.

use std::process;
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::signal::ctrl_c;
use tokio::sync::oneshot::{Receiver, channel};

use crate::exit::INTERRUPTED;

/// Gives what resolves at the first Ctrl-C. The second ends the process at once.
pub(crate) fn first_interrupt() -> Result<Receiver<()>> {
    let (sender, receiver) = channel();
    let mut sender = Some(sender);
    on_interrupt(move || {
        let stopping = sender.take().is_some_and(|sender| sender.send(()).is_ok());
        if !stopping {
            process::exit(i32::from(INTERRUPTED));
        }
    })?;
    Ok(receiver)
}

/// Ends the process at the first Ctrl-C.
pub(crate) fn exit_on_interrupt() -> Result<()> {
    on_interrupt(|| {
        eprintln!("Interrupted");
        process::exit(i32::from(INTERRUPTED));
    })
}

fn on_interrupt(mut act: impl FnMut() + Send + 'static) -> Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("wait for signals")?;
    thread::Builder::new()
        .name("pomona-signals".to_string())
        .spawn(move || {
            while runtime.block_on(ctrl_c()).is_ok() {
                act();
            }
        })
        .context("wait for signals")?;
    Ok(())
}
