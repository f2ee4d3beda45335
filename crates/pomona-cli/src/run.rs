//! `pomona run`: the whole pipeline.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use datafusion::prelude::SessionContext;
use pomona_cluster::{Cluster, ExecutorInfo, SchedulerApi};
use pomona_images::Location;
use pomona_pipeline::{DEFAULT_COMPONENTS, Outcome, Pipeline, PipelineOptions, Progress};
use pomona_results::FileSize;
use pomona_session::configure;

use crate::arguments::RunArguments;
use crate::exit::BAD_IMAGES;
use crate::interrupt::{INTERRUPTED, first_interrupt};
use crate::metrics_file;
use crate::progress::ProgressReporter;
use crate::run_page;
use crate::session::{Session, open};
use crate::terminal::note;
use crate::timings;

/// Runs the subcommand.
pub(crate) async fn main(arguments: RunArguments, reporter: &ProgressReporter) -> Result<ExitCode> {
    let Session { ctx, cluster, .. } = open(&arguments.session).await?;
    let output = Location::parse(&arguments.output)?;
    let interrupt = first_interrupt()?;
    let run = run_pipeline(&arguments, &ctx, cluster, |progress| {
        reporter.report(progress);
    });
    let (outcome, took) = tokio::select! {
        finished = run => finished?,
        Ok(()) = interrupt => {
            reporter.stop();
            note!(
                "Interrupted: nothing was published in {output}; complete chunks lie in {}, which \
                 readers ignore and the next run uses",
                output.below("_temporary")
            );
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };

    if !outcome.changed {
        reporter.unchanged(&output);
    } else if arguments.timings {
        note!("{}", timings::table(&outcome.manifest.stages, took));
    }
    let counts = outcome.manifest.counts;
    if counts.error_rate() > arguments.max_error_rate {
        note!(
            "{} of {} images ({:.2}%) have no features, more than --max-error-rate {} allows; \
             the reasons are in {}",
            counts.errors,
            counts.images,
            100.0 * counts.error_rate(),
            arguments.max_error_rate,
            output.below("errors/errors.csv"),
        );
        return Ok(ExitCode::from(BAD_IMAGES));
    }
    if outcome.changed {
        reporter.summarize(&outcome.manifest, &output);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the pipeline with the options of the arguments in a session, and writes what else they ask for: the
/// page of the run and the file of its numbers. Returns how long the pipeline took, too.
///
/// # Errors
/// Those of the pipeline; when the port of the page cannot be had, and when the file cannot be written.
pub(crate) async fn run_pipeline(
    arguments: &RunArguments,
    ctx: &SessionContext,
    cluster: Option<Cluster>,
    progress: impl Fn(&Progress),
) -> Result<(Outcome, Duration)> {
    configure(ctx, |options| arguments.decode.apply(options))?;
    if let Some(hosts) = &arguments.url_hosts {
        configure(ctx, |options| options.set("pomona.url_hosts", hosts))?;
    }
    let checkpoint = match cluster {
        None => arguments.checkpoint as usize,
        Some(cluster) => arguments.checkpoint as usize * slots(cluster).await?,
    };
    let output = Location::parse(&arguments.output)?;
    let page = match arguments.ui {
        None => None,
        Some(port) => Some(run_page::start(&arguments.input, &arguments.output, port).await?),
    };
    let pipeline = Pipeline::new(
        ctx,
        PipelineOptions {
            input: arguments.input.clone(),
            path_column: arguments.path_column.clone(),
            output,
            components: arguments.components.unwrap_or(DEFAULT_COMPONENTS),
            filter: arguments.filter.clone(),
            limit: arguments.limit,
            overwrite: arguments.overwrite,
            prune: arguments.prune,
            checkpoint,
            force_unlock: arguments.force_unlock,
            format: arguments.format,
            file_size: FileSize(arguments.file_size as u64),
            report: arguments.report.wanted(),
        },
    );
    let start = Instant::now();
    let finished = pipeline
        .run(|event| {
            progress(&event);
            if let Some(page) = &page {
                run_page::show(page, &event);
            }
        })
        .await;
    let took = start.elapsed();
    if let Some(page) = page {
        run_page::end(page, finished.as_ref().err().map(ToString::to_string)).await;
    }
    let outcome = finished?;
    if let Some(path) = &arguments.metrics_file {
        metrics_file::write(path, &outcome.manifest, took)?;
    }
    Ok((outcome, took))
}

/// Tasks that a cluster runs in parallel, or 1 while it has no executor. The images between two
/// checkpoints are those of one machine times this number.
async fn slots(cluster: Cluster) -> Result<usize> {
    let executors = SchedulerApi::new(cluster).executors().await?;
    let slots: u32 = executors.iter().map(ExecutorInfo::vcores).sum();
    Ok(slots.max(1) as usize)
}
