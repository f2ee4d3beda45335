//! `pomona weights`: lists, fetches, inspects and converts weights.

mod convert;
mod fetch;
mod inspect;
mod list;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use pomona_session::{RuntimeOptions, runtime_env, weights_objects};
use pomona_weights::{Source, WeightsFile, load};

use crate::interrupt::exit_on_interrupt;

pub(crate) use convert::ConvertArguments;
pub(crate) use fetch::FetchArguments;
pub(crate) use inspect::InspectArguments;
pub(crate) use list::ListArguments;

#[derive(Debug, Args)]
pub(crate) struct WeightsArguments {
    #[command(subcommand)]
    command: WeightsCommand,
}

#[derive(Debug, Subcommand)]
enum WeightsCommand {
    /// List the named weights, and whether they are on this machine
    List(ListArguments),
    /// Fetch named weights into the cache
    Fetch(FetchArguments),
    /// Show the content of a weights file
    Inspect(InspectArguments),
    /// Convert weights to another type or naming scheme
    Convert(ConvertArguments),
}

/// Format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text
    Table,
    /// JSON
    Json,
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: WeightsArguments) -> Result<ExitCode> {
    exit_on_interrupt()?;
    match arguments.command {
        WeightsCommand::List(arguments) => list::main(&arguments).await?,
        WeightsCommand::Fetch(arguments) => fetch::main(&arguments).await?,
        WeightsCommand::Inspect(arguments) => inspect::main(&arguments)?,
        WeightsCommand::Convert(arguments) => convert::main(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what `--weights` would read: a name, a path or a URL.
fn read(location: &str) -> Result<WeightsFile> {
    let runtime = runtime_env(RuntimeOptions::default())?;
    let objects = weights_objects(&runtime);
    let file = Source::parse(location).and_then(|source| load(&source, objects.reader()));
    file.with_context(|| format!("weights '{location}'"))
}
