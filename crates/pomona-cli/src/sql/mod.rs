//! `pomona sql`: commands, files, and a shell.

mod commands;
mod execute;
mod line_helper;
mod script_text;
mod shell;

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use datafusion::prelude::SessionContext;
use datafusion_cli::print_options::PrintOptions;
use pomona_session::configure;

use crate::arguments::{GeneralArguments, SqlArguments};
use crate::session::{Session, open};
use commands::{Next, obey};
use execute::{Audience, execute};
use script_text::{Part, parts};

/// Runs the subcommand.
pub(crate) async fn main(arguments: SqlArguments, general: &GeneralArguments) -> Result<ExitCode> {
    let Session { ctx, stores, .. } = open(&arguments.session).await?;
    if let Some(batch_size) = arguments.batch_size {
        configure(&ctx, |options| {
            options.set("datafusion.execution.batch_size", &batch_size.to_string())
        })?;
    }
    let mut print_options = PrintOptions {
        format: arguments.format,
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
            run_text(ctx, &read(&file)?, print_options).await?;
        }
        if is_interactive {
            shell::run(ctx, print_options).await?;
        } else {
            let mut sql = String::new();
            io::stdin()
                .read_to_string(&mut sql)
                .context("read SQL from standard input")?;
            run_text(ctx, &sql, print_options).await?;
        }
    }
    for file in &arguments.file {
        run_text(ctx, &read(file)?, print_options)
            .await
            .with_context(|| file.display().to_string())?;
    }
    for command in &arguments.command {
        run_text(ctx, command, print_options).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs statements and commands in order; the first that fails ends it.
async fn run_text(
    ctx: &SessionContext,
    text: &str,
    print_options: &mut PrintOptions,
) -> datafusion::common::Result<()> {
    for part in parts(text) {
        match part {
            Part::Sql(sql) => execute(ctx, sql, print_options, Audience::Program).await?,
            Part::Command(command) => {
                if obey(ctx, print_options, command, Audience::Program).await? == Next::Quit {
                    break;
                }
            }
        }
    }
    Ok(())
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
