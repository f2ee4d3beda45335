//! `pomona executor`.

use std::env;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use pomona_cluster::{ExecutorEnd, ExecutorOptions, run_executor};
use tokio::time::sleep;

use crate::bytes::parse_bytes;
use crate::cluster_arguments::TlsArguments;
use crate::threads::start_again;

/// The options of `pomona executor`, named as those of Ballista's own.
#[derive(Debug, Args)]
pub(crate) struct ExecutorArguments {
    /// IP address to listen on
    #[arg(
        id = "executor_bind_host",
        long = "bind-host",
        value_name = "IP",
        default_value = "127.0.0.1"
    )]
    bind_host: String,

    /// Host name for connections to this executor [default: the address that the scheduler sees]
    #[arg(
        id = "executor_external_host",
        long = "external-host",
        value_name = "HOST"
    )]
    external_host: Option<String>,

    /// Port that serves results; 0 for any free port
    #[arg(
        id = "executor_bind_port",
        short = 'p',
        long = "bind-port",
        value_name = "PORT",
        default_value_t = 50051
    )]
    bind_port: u16,

    /// Port that receives tasks; 0 for any free port
    #[arg(long, value_name = "PORT", default_value_t = 50052)]
    bind_grpc_port: u16,

    /// Host of the scheduler
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    scheduler_host: String,

    /// Port of the scheduler
    #[arg(long, value_name = "PORT", default_value_t = 50050)]
    scheduler_port: u16,

    /// Time to wait for the scheduler to start
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    scheduler_connect_timeout_seconds: u16,

    /// Time between heartbeats to the scheduler
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    executor_heartbeat_interval_seconds: u64,

    /// Tasks to run in parallel, each on one core [default: the number of cores]
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    vcores: Option<u16>,

    /// Folder for results between stages; each executor makes a subfolder [default: in the system's
    /// temporary folder]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,

    /// Memory limit of the operators of all tasks, such as 10g [default: by
    /// --memory-pool-fraction]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory_pool_size: Option<usize>,

    /// Memory limit of the operators as a share of the machine's memory; the network and the images
    /// are not counted
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    memory_pool_fraction: f64,

    #[command(flatten)]
    tls: TlsArguments,
}

/// Pause before an executor that the scheduler considered lost joins again.
const REJOIN_PAUSE: Duration = Duration::from_secs(1);

/// A folder of the user who runs this: one that somebody else made may not be written to. Who that is shows a file that
/// is made now; the environment of a service or of a container need not say it.
fn usual_work_dir() -> io::Result<PathBuf> {
    let owner = tempfile::tempfile()?.metadata()?.uid();
    Ok(env::temp_dir().join(format!("pomona-executors-{owner}")))
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: ExecutorArguments) -> Result<ExitCode> {
    let work_dir = match arguments.work_dir {
        Some(given) => given,
        None => usual_work_dir()?,
    };
    let cores = || available_parallelism().map_or(1, usize::from);
    let options = ExecutorOptions {
        bind_host: arguments.bind_host,
        external_host: arguments.external_host,
        bind_port: arguments.bind_port,
        bind_grpc_port: arguments.bind_grpc_port,
        scheduler_host: arguments.scheduler_host,
        scheduler_port: arguments.scheduler_port,
        scheduler_connect_timeout_seconds: arguments.scheduler_connect_timeout_seconds,
        executor_heartbeat_interval_seconds: arguments.executor_heartbeat_interval_seconds,
        vcores: arguments.vcores.map_or_else(cores, usize::from),
        work_dir,
        memory_pool_size: arguments.memory_pool_size.map(|bytes| bytes as u64),
        memory_pool_fraction: arguments.memory_pool_fraction,
        tls: arguments.tls.read()?,
    };
    match run_executor(options).await? {
        ExecutorEnd::Signal => Ok(ExitCode::SUCCESS),
        ExecutorEnd::Stopped => {
            // The scheduler forgets it meanwhile.
            sleep(REJOIN_PAUSE).await;
            Err(start_again().into())
        }
    }
}
