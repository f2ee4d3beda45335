//! `pomona weights`: which weights there are, what is in them, and files in other forms.

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
    /// Show the weights that have a name, and whether they are on this machine
    List(ListArguments),
    /// Fetch weights by name into the cache, to prepare a machine
    Fetch(FetchArguments),
    /// Show what is in a file of weights
    Inspect(InspectArguments),
    /// Write weights in another type or with other names
    Convert(ConvertArguments),
}

/// The form of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// For programs
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
