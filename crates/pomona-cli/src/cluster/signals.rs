//! The signals that end a daemon.

use anyhow::{Context, Result};
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first SIGINT or SIGTERM.
///
/// # Errors
/// When the system does not let a process listen for signals.
pub(crate) async fn terminated() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("wait for signals")?;
    tokio::select! {
        interrupted = ctrl_c() => interrupted.context("wait for signals"),
        _ = terminate.recv() => Ok(()),
    }
}
