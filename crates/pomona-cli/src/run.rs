//! `pomona run`: the whole pipeline.

use std::process::ExitCode;

use anyhow::Result;
use pomona_driver::{Location, MANIFEST, Manifest, Pipeline, PipelineOptions, Progress};

use crate::arguments::RunArguments;
use crate::exit::BAD_IMAGES;
use crate::session::open;

/// Runs the subcommand.
pub(crate) async fn main(arguments: RunArguments) -> Result<ExitCode> {
    let (ctx, _) = open(&arguments.session)?;
    let output = Location::parse(&arguments.output)?;
    let pipeline = Pipeline::new(
        &ctx,
        PipelineOptions {
            input: arguments.input,
            output: output.clone(),
            components: arguments.components,
            filter: arguments.filter,
            limit: arguments.limit,
            overwrite: arguments.overwrite,
            prune: arguments.prune,
            checkpoint: arguments.checkpoint as usize,
        },
    );
    let outcome = pipeline
        .run(|progress| {
            if !arguments.quiet {
                tell(&progress);
            }
        })
        .await?;

    let counts = outcome.manifest.counts;
    if !outcome.changed && !arguments.quiet {
        eprintln!("nothing has changed: {output} stays as it is");
    }
    if counts.error_rate() > arguments.max_error_rate {
        eprintln!(
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
    if outcome.changed && !arguments.quiet {
        summarize(&outcome.manifest, &output);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(progress: &Progress) {
    match progress {
        Progress::Found { images } => eprintln!("{images} images"),
        Progress::Finished { stage, images } => {
            let rate = match stage.name.as_str() {
                "features" => format!(", {:.0} images/s", *images as f64 / stage.seconds),
                _ => String::new(),
            };
            eprintln!("{:<14}{:>8.2} s{rate}", stage.name, stage.seconds);
        }
    }
}

fn summarize(manifest: &Manifest, output: &Location) {
    let counts = manifest.counts;
    eprintln!(
        "{} images: {} with features, {} bad; {} components. Results in {output}, see {MANIFEST}",
        counts.images, counts.features, counts.errors, counts.components
    );
}
