//! `pomona completions` and `pomona man`: shell completions and manual pages.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::exit::UsageError;
use crate::terminal::stdout;

/// Prints the completions of a shell.
pub(crate) fn completions(mut command: Command, shell: Shell) -> Result<ExitCode> {
    // The generator panics if it cannot write, so it writes to memory first.
    let mut script = vec![];
    generate(shell, &mut command, "pomona", &mut script);
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or of one of its commands.
pub(crate) fn man(mut command: Command, of: Option<&str>) -> Result<ExitCode> {
    command.build();
    let page = match of {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => {
                let name = format!("pomona-{}", found.get_name());
                found.clone().display_name(name)
            }
            None => {
                let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
                let known = known.join(", ");
                let message = format!("no command '{name}': the commands are {known}");
                return Err(UsageError(message).into());
            }
        },
    };
    let mut text = vec![];
    Man::new(page)
        .source(concat!("pomona ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)?;
    stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}
