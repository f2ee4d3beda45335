//! `pomona demo`: drawn fruit through the whole pipeline, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser};
use datafusion_cli::print_format::PrintFormat;
use pomona_weights::FRUITS;

use crate::arguments::{Arguments, Command, GeneralArguments};
use crate::fruit::draw_fruit;
use crate::lookup::print;
use crate::progress::ProgressReporter;
use crate::session::{Session, open};
use crate::terminal::note;

/// Images of each kind.
const EACH: u32 = 6;

/// The first components, averaged over the images of a label.
const TABLE: &str = "SELECT label, count(*) AS images, round(avg(pca[1]), 2) AS pc1, \
     round(avg(pca[2]), 2) AS pc2, round(avg(pca[3]), 2) AS pc3 \
     FROM '${results}/pca/parquet/' GROUP BY label ORDER BY label";

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Folder to create, with images/ and results/ in it
    #[arg(value_name = "DIR", default_value = "pomona-demo")]
    dir: PathBuf,
}

/// Runs the subcommand.
pub(crate) async fn main(
    arguments: DemoArguments,
    general: &GeneralArguments,
    reporter: &ProgressReporter,
) -> Result<ExitCode> {
    let Some(folder) = arguments.dir.to_str() else {
        bail!("'{}' is not Unicode", arguments.dir.display());
    };
    let (images, results) = (format!("{folder}/images"), format!("{folder}/results"));
    let count = draw_fruit(images.as_ref(), EACH).with_context(|| format!("draw '{images}'"))?;
    if !general.quiet {
        note!("{count} images drawn in {images}");
    }
    // The arguments that a user would type, with the defaults of the options and no settings.
    let run = ["run", "--input", &images, "--output", &results, "-k", "10"];
    let line = ["pomona"].iter().chain(&run).chain(&["--weights", FRUITS]);
    let Command::Run(run) = Arguments::try_parse_from(line)?.command else {
        bail!("'run' is the command run");
    };
    let session = run.session.clone();
    let code = crate::run::main(run, reporter).await?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    let Session { ctx, .. } = open(&session).await?;
    let sql = TABLE.replace("${results}", &results.replace('\'', "''"));
    let frame = ctx.sql(&sql).await?;
    print(&ctx, frame, PrintFormat::Table).await?;
    if !general.quiet {
        note!("Look at {results}/report.html. With your own images:");
        note!("pomona run --input IMAGES --output RESULTS --weights {FRUITS}");
    }
    Ok(ExitCode::SUCCESS)
}
