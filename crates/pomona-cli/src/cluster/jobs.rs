//! `pomona jobs`: lists, shows and cancels the jobs of a cluster.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use clap::{Args, Subcommand};
use datafusion_cli::print_format::PrintFormat;
use pomona_cluster::{
    Cluster, ClusterError, JobResponse, JobState, KeptJob, KeptJobDetails, QueryStageSummary,
    SchedulerAddress, SchedulerApi, TaskStatus,
};
use pomona_session::{RuntimeOptions, session_context};

use crate::arguments::GeneralArguments;
use crate::cluster_arguments::TlsArguments;
use crate::exit::UsageError;
use crate::format::FormatParser;
use crate::lookup::print;
use crate::terminal::{note, stdout};

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Scheduler of the cluster, such as df://10.0.0.7:50050
    #[arg(long, value_name = "URL", env = "POMONA_SCHEDULER", global = true)]
    scheduler: Option<SchedulerAddress>,

    /// Format of the list
    #[arg(id = "jobs_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic", global = true)]
    format: PrintFormat,

    #[command(flatten)]
    tls: TlsArguments,

    #[command(subcommand)]
    command: Option<JobsCommand>,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List the jobs of the last hour, the newest first (the default)
    List,
    /// Show a job: its state, its stages and its plan
    Show {
        /// Name of the job, as listed
        #[arg(value_name = "JOB")]
        job: String,
    },
    /// Cancel a job
    Cancel {
        /// Name of the job, as listed
        #[arg(value_name = "JOB")]
        job: String,
    },
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: JobsArguments, general: &GeneralArguments) -> Result<ExitCode> {
    let Some(scheduler) = arguments.scheduler else {
        let message =
            "no cluster is named: pass --scheduler df://HOST:PORT, or set POMONA_SCHEDULER";
        return Err(UsageError(message.to_string()).into());
    };
    let api = SchedulerApi::new(Cluster::new(scheduler, arguments.tls.read()?));
    match arguments.command.unwrap_or(JobsCommand::List) {
        JobsCommand::List => list(&api, arguments.format).await?,
        JobsCommand::Show { job } => {
            let text = match api.job(&job).await {
                Ok(shown) if shown.num_stages == 0 => describe(&shown, &[]),
                Ok(shown) => describe(&shown, &api.stages(&job).await?),
                Err(unknown @ ClusterError::UnknownJob { .. }) => {
                    let kept = api.kept_job(&job).await;
                    describe_kept(&kept.map_err(|_| unknown)?)
                }
                Err(error) => return Err(error.into()),
            };
            stdout().write_all(text.as_bytes())?;
        }
        JobsCommand::Cancel { job } => {
            if !api.cancel(&job).await? {
                bail!("job {job} has ended already");
            }
            if !general.quiet {
                note!("job {job} is cancelled");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(api: &SchedulerApi, format: PrintFormat) -> Result<()> {
    let mut jobs = api.jobs().await?;
    let known: HashSet<String> = jobs.iter().map(|job| job.job_id.clone()).collect();
    let kept = api.kept_jobs().await?.into_iter();
    jobs.extend(kept.filter(|job| !known.contains(&job.id)).map(listed));
    // Those that wait come first, and those that never began where they ended.
    jobs.sort_by_key(|job| {
        let mut times = [job.start_time, job.end_time].into_iter();
        Reverse(times.find(|time| *time > 0).unwrap_or(u64::MAX))
    });
    let text = |of: fn(&JobResponse) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(jobs.iter().map(of)))
    };
    let number = |of: fn(&JobResponse) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(jobs.iter().map(of)))
    };
    let started = jobs.iter().map(|job| begin(job).map(|time| time as i64));
    let started = TimestampMillisecondArray::from_iter(started);
    let rows = RecordBatch::try_from_iter([
        ("job", text(|job| &job.job_id)),
        ("name", text(|job| &job.job_name)),
        ("status", text(|job| &job.status)),
        ("stages_done", number(|job| job.completed_stages as u64)),
        ("stages", number(|job| job.num_stages as u64)),
        (
            "started",
            Arc::new(started.with_timezone("UTC")) as ArrayRef,
        ),
        (
            "seconds",
            Arc::new(Float64Array::from_iter(jobs.iter().map(seconds))) as ArrayRef,
        ),
    ])?;
    let ctx = session_context(RuntimeOptions::default())?;
    let frame = ctx.read_batch(rows)?;
    print(&ctx, frame, format).await?;
    Ok(())
}

/// A job of the history, as those of the scheduler are listed.
fn listed(job: KeptJob) -> JobResponse {
    JobResponse {
        status: state(&job).to_string(),
        job_status: state(&job).to_string(),
        percent_complete: (100.0 * job.share()) as u8,
        job_id: job.id,
        job_name: job.name,
        num_stages: job.stages as usize,
        completed_stages: job.stages_done as usize,
        start_time: job.started,
        end_time: job.ended,
        logical_plan: None,
        physical_plan: None,
        stage_plan: None,
    }
}

/// The state of a job that has ended, in Ballista's words, for which a cancelled job has failed.
fn state(job: &KeptJob) -> &'static str {
    match job.state {
        JobState::Completed => "Completed",
        _ => "Failed",
    }
}

fn describe_kept(job: &KeptJobDetails) -> String {
    let row = &job.row;
    let error = match (&row.error, row.state) {
        (Some(error), _) => format!(": {error}"),
        (None, JobState::Cancelled) => ": Cancelled".to_string(),
        (None, _) => String::new(),
    };
    let mut text = format!(
        "job {} ({})\nstatus: {}{error}\nseconds: {:.3}\n",
        row.id,
        row.name,
        state(row),
        row.seconds(row.ended)
    );
    for stage in &job.stages {
        text.push_str(&format!(
            "stage {}: {:?}, {} tasks done, {} failed; {} rows in, {} rows out\n",
            stage.id,
            stage.state,
            stage.tasks_done(),
            stage.tasks_failed(),
            stage.rows_in,
            stage.rows_out,
        ));
    }
    text.push_str(&format!("\n{}\n", job.plan.trim_end()));
    text
}

/// When a job began; one that was not planned has not.
fn begin(job: &JobResponse) -> Option<u64> {
    (job.start_time > 0).then_some(job.start_time)
}

/// Duration of an ended job.
fn seconds(job: &JobResponse) -> Option<f64> {
    let milliseconds = job.end_time.checked_sub(begin(job)?)?;
    (job.end_time > 0).then_some(milliseconds as f64 / 1000.0)
}

fn describe(job: &JobResponse, stages: &[QueryStageSummary]) -> String {
    let mut text = format!(
        "job {} ({})\nstatus: {}\n",
        job.job_id, job.job_name, job.job_status
    );
    if let Some(seconds) = seconds(job) {
        text.push_str(&format!("seconds: {seconds:.3}\n"));
    }
    for stage in stages {
        let tasks: Vec<_> = stage.tasks.iter().flatten().collect();
        let count = |is: fn(&TaskStatus) -> bool| {
            let tasks = tasks.iter().filter(|task| is(&task.status));
            tasks.count()
        };
        text.push_str(&format!(
            "stage {}: {}, {} tasks running, {} done, {} failed; {} rows in, {} rows out\n",
            stage.stage_id,
            stage.stage_status,
            count(|status| matches!(status, TaskStatus::Running)),
            count(|status| matches!(status, TaskStatus::Successful)),
            count(|status| matches!(status, TaskStatus::Failed { .. })),
            stage.input_rows,
            stage.output_rows,
        ));
    }
    if let Some(plan) = &job.physical_plan {
        text.push_str(&format!("\n{}\n", plan.trim_end()));
    }
    text
}
