//! `pomona scheduler`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use pomona_cluster::{ConsoleAccess, HistoryOptions, SchedulerOptions, run_scheduler};
use pomona_images::Location;

use super::signals::terminated;
use crate::bytes::parse_bytes;
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

    /// Port for gRPC, REST and the pages; 0 for any free port
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

    /// Finished jobs that 'pomona jobs' lists; the oldest are forgotten first
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    finished_job_state_max_jobs: u32,

    /// About how much memory finished jobs may take together
    #[arg(long, value_name = "BYTES", default_value = "256m", value_parser = parse_bytes)]
    finished_job_state_max_size: usize,

    /// Time for which a finished job is remembered; 0 is as long as there is room
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    finished_job_state_clean_up_interval_seconds: u64,

    /// Time for which executors keep rows that no client fetches; 0 is for
    /// ever
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    finished_job_data_clean_up_interval_seconds: u64,

    /// Fail a job when so many executors were lost while they ran one and the same of its partitions;
    /// 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 4)]
    task_max_lost_executors: usize,

    /// Cancel a job when its client has not asked for it for so long; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    client_timeout_seconds: u64,

    /// Pages on the port: full shows and cancels jobs, read-only shows them [default: full on a loopback
    /// address, else read-only]
    #[arg(id = "scheduler_ui", long = "ui", value_name = "WHAT", value_enum)]
    ui: Option<Ui>,

    /// Folder in which finished jobs are kept when the scheduler ends: a path or an s3:// URL [default:
    /// none]
    #[arg(long, value_name = "DIR", value_parser = parse_location)]
    history_dir: Option<Location>,

    /// Finished jobs that the folder keeps; the oldest go first
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    history_max_jobs: u32,

    #[command(flatten)]
    tls: TlsArguments,
}

fn parse_location(text: &str) -> Result<Location, String> {
    Location::parse(text).map_err(|error| error.to_string())
}

/// The pages of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ui {
    /// Show and cancel jobs
    Full,
    /// Show jobs
    ReadOnly,
    /// Serve no pages
    Off,
}

impl From<Ui> for ConsoleAccess {
    fn from(ui: Ui) -> Self {
        match ui {
            Ui::Full => Self::Full,
            Ui::ReadOnly => Self::ReadOnly,
            Ui::Off => Self::Off,
        }
    }
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: SchedulerArguments) -> Result<ExitCode> {
    let options = SchedulerOptions {
        bind_host: arguments.bind_host,
        bind_port: arguments.bind_port,
        external_host: arguments.external_host,
        executor_timeout_seconds: arguments.executor_timeout_seconds,
        expire_dead_executor_interval_seconds: arguments.expire_dead_executor_interval_seconds,
        finished_job_state_max_jobs: arguments.finished_job_state_max_jobs as usize,
        finished_job_state_max_bytes: arguments.finished_job_state_max_size,
        finished_job_state_clean_up_interval_seconds: arguments
            .finished_job_state_clean_up_interval_seconds,
        finished_job_data_clean_up_interval_seconds: arguments
            .finished_job_data_clean_up_interval_seconds,
        task_max_lost_executors: arguments.task_max_lost_executors,
        client_timeout_seconds: arguments.client_timeout_seconds,
        console: arguments.ui.map(ConsoleAccess::from),
        history: arguments.history_dir.map(|location| HistoryOptions {
            location,
            most_jobs: arguments.history_max_jobs as usize,
        }),
        tls: arguments.tls.read()?,
    };
    let ready = |address| note!("pomona scheduler listens on df://{address}");
    tokio::select! {
        ended = run_scheduler(options, ready) => ended?,
        signal = terminated() => signal?,
    }
    Ok(ExitCode::SUCCESS)
}
