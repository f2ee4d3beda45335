//! The command `pomona-driver`: runs scripts of SQL with parameters.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use arrow::util::pretty::pretty_format_batches;
use clap::Parser;
use pomona_session::{RuntimeOptions, Variables, find_script};

use crate::cluster_arguments::{ClusterArguments, open_session};
use crate::exit;
use crate::interrupt::{INTERRUPTED, interruptible};
use crate::network_arguments::NetworkArguments;
use crate::terminal::stdout;
use crate::threads::on_large_stack;

/// Run SQL scripts with parameters: built-in ones by name, others by path
///
/// All scripts run in one session, in the order given, and the rows of the last statement are
/// printed.
#[derive(Debug, Parser)]
#[command(name = "pomona-driver", version)]
struct Arguments {
    /// Scripts: images (or listed_images), features, metadata, metadata_csv, stats, errors,
    /// features_csv, pca_fit, pca_transform, pca_csv; similar, similar_to_file, outliers, suspects,
    /// verify_sides, verify_features, verify_pca, verify; or .sql files
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<String>,

    /// Define a variable that scripts use as ${NAME}
    #[arg(short, long, value_name = "NAME=VALUE")]
    define: Vec<String>,

    #[command(flatten)]
    network: NetworkArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// Print the statements with their variables replaced, and run nothing
    #[arg(long)]
    show_sql: bool,
}

/// Runs `pomona-driver` with arguments, of which the first is the name of the command.
pub fn pomona_driver(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(said) => return exit::report_arguments(&said),
    };
    let on_cluster = arguments.cluster.is_cluster();
    match on_large_stack(async move || interruptible(on_cluster, run(arguments)).await) {
        Ok(Some(())) => ExitCode::SUCCESS,
        Ok(None) => ExitCode::from(INTERRUPTED),
        Err(error) => exit::report(&error),
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut variables = Variables::new();
    for pair in &arguments.define {
        variables.define_pair(pair)?;
    }
    let built_in = [&pomona_pipeline::SCRIPTS[..], &pomona_analysis::SCRIPTS].concat();
    let scripts = arguments
        .scripts
        .iter()
        .map(|name| find_script(name, &built_in))
        .collect::<Result<Vec<_>, _>>()?;

    if arguments.show_sql {
        for script in &scripts {
            write!(stdout(), "{}", variables.substitute(script.sql())?)?;
        }
        return Ok(());
    }

    let cluster = arguments.cluster.cluster().await?;
    let runtime = RuntimeOptions::default();
    let ctx = open_session(runtime, cluster.as_ref(), &arguments.network)?;
    let mut last = vec![];
    for script in &scripts {
        last = script
            .run(&ctx, &variables)
            .await
            .context(script.name().to_string())?;
    }
    if last.iter().any(|batch| batch.num_columns() > 0) {
        writeln!(stdout(), "{}", pretty_format_batches(&last)?)?;
    }
    Ok(())
}
