//! `pomona sql`: commands, files, and a shell.

mod execute;
mod shell;

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use datafusion::prelude::SessionContext;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::PrintOptions;
use pomona_session::configure;

use crate::arguments::{GeneralArguments, SqlArguments};
use crate::session::{Session, open};
use execute::{Audience, execute};

/// Runs the subcommand.
pub(crate) async fn main(arguments: SqlArguments, general: &GeneralArguments) -> Result<ExitCode> {
    let Session { ctx, stores, .. } = open(&arguments.session).await?;
    if let Some(batch_size) = arguments.batch_size {
        configure(&ctx, |options| {
            options.set("datafusion.execution.batch_size", &batch_size.to_string())
        })?;
    }
    // "Automatic" is a table for people and for programs: nothing here guesses from the terminal.
    let format = match arguments.format {
        PrintFormat::Automatic => PrintFormat::Table,
        format => format,
    };
    let mut print_options = PrintOptions {
        format,
        quiet: general.quiet,
        maxrows: arguments.maxrows,
        color: general.color.on(io::stdout().is_terminal()),
        instrumented_registry: stores,
    };

    let is_interactive = arguments.is_interactive();
    run(arguments, &ctx, &mut print_options, is_interactive).await
}

async fn run(
    arguments: SqlArguments,
    ctx: &SessionContext,
    print_options: &mut PrintOptions,
    is_interactive: bool,
) -> Result<ExitCode> {
    if arguments.command.is_empty() && arguments.file.is_empty() {
        for file in startup_files(arguments.rc) {
            execute(ctx, &read(&file)?, print_options, Audience::Program).await?;
        }
        if is_interactive {
            shell::run(ctx, print_options).await?;
        } else {
            let mut sql = String::new();
            io::stdin()
                .read_to_string(&mut sql)
                .context("read SQL from standard input")?;
            execute(ctx, &sql, print_options, Audience::Program).await?;
        }
    }
    for file in &arguments.file {
        execute(ctx, &read(file)?, print_options, Audience::Program)
            .await
            .with_context(|| file.display().to_string())?;
    }
    for command in &arguments.command {
        execute(ctx, command, print_options, Audience::Program).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn startup_files(given: Option<Vec<PathBuf>>) -> Vec<PathBuf> {
    given.unwrap_or_else(|| {
        let rc = dirs::home_dir().map(|home| home.join(".pomonarc"));
        rc.into_iter().filter(|rc| rc.exists()).collect()
    })
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("read '{}'", file.display()))
}
