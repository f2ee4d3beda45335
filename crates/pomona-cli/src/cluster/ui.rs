//! `pomona ui`: the pages of a scheduler, on a port of this machine.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pomona_cluster::{Cluster, ForwardOptions, SchedulerAddress, forward_console};

use super::signals::terminated;
use crate::cluster_arguments::TlsArguments;
use crate::exit::UsageError;
use crate::terminal::note;

#[derive(Debug, Args)]
pub(crate) struct UiArguments {
    /// Scheduler of the cluster, such as df://10.0.0.7:50050
    #[arg(long, value_name = "URL", env = "POMONA_SCHEDULER")]
    scheduler: Option<SchedulerAddress>,

    /// Port of this machine for the browser; 0 for any free port
    #[arg(
        id = "ui_port",
        long = "port",
        value_name = "PORT",
        default_value_t = 50080
    )]
    port: u16,

    #[command(flatten)]
    tls: TlsArguments,
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: UiArguments) -> Result<ExitCode> {
    let Some(scheduler) = arguments.scheduler else {
        let message =
            "no cluster is named: pass --scheduler df://HOST:PORT, or set POMONA_SCHEDULER";
        return Err(UsageError(message.to_string()).into());
    };
    let options = ForwardOptions {
        cluster: Cluster::new(scheduler, arguments.tls.read()?),
        port: arguments.port,
    };
    let ready = |address| note!("open http://{address}/, until Ctrl-C");
    tokio::select! {
        ended = forward_console(options, ready) => ended?,
        signal = terminated() => signal?,
    }
    Ok(ExitCode::SUCCESS)
}
