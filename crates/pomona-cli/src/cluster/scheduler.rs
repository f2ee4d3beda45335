//! `pomona scheduler`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pomona_cluster::{SchedulerOptions, run_scheduler};

use super::signals::terminated;
use crate::cluster_arguments::TlsArguments;
use crate::terminal::note;

/// The options of `pomona scheduler`, named as those of Ballista's own.
#[derive(Debug, Args)]
pub(crate) struct SchedulerArguments {
    /// Address to listen on; whoever reaches it can run queries. To admit other machines, pass
    /// 0.0.0.0 or an address of a private network
    #[arg(
        id = "scheduler_bind_host",
        long = "bind-host",
        value_name = "HOST",
        default_value = "127.0.0.1"
    )]
    bind_host: String,

    /// Port for gRPC and REST; 0 for any free port
    #[arg(
        id = "scheduler_bind_port",
        short = 'p',
        long = "bind-port",
        value_name = "PORT",
        default_value_t = 50050
    )]
    bind_port: u16,

    /// Host name for connections to this scheduler
    #[arg(
        id = "scheduler_external_host",
        long = "external-host",
        value_name = "HOST",
        default_value = "localhost"
    )]
    external_host: String,

    /// Time without a heartbeat after which an executor is lost and its tasks run elsewhere
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    executor_timeout_seconds: u64,

    /// Time between checks for lost executors
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    expire_dead_executor_interval_seconds: u64,

    #[command(flatten)]
    tls: TlsArguments,
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: SchedulerArguments) -> Result<ExitCode> {
    let options = SchedulerOptions {
        bind_host: arguments.bind_host,
        bind_port: arguments.bind_port,
        external_host: arguments.external_host,
        executor_timeout_seconds: arguments.executor_timeout_seconds,
        expire_dead_executor_interval_seconds: arguments.expire_dead_executor_interval_seconds,
        tls: arguments.tls.read()?,
    };
    let ready = |address| note!("pomona scheduler listens on df://{address}");
    tokio::select! {
        ended = run_scheduler(options, ready) => ended?,
        signal = terminated() => signal?,
    }
    Ok(ExitCode::SUCCESS)
}
