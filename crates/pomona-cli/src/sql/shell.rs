//! The interactive shell: datafusion-cli's editor, commands and printing around Pomona's session.
//!
//! The loop itself is not datafusion-cli's, which makes its own S3 client for every table and
//! writes its history into the folder it is started in.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use datafusion::prelude::SessionContext;
use datafusion_cli::print_options::PrintOptions;
use pomona_session::plain_message;
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;

use super::commands::{Next, obey};
use super::execute::{Audience, execute};
use super::line_helper::LineHelper;
use crate::terminal::{note, stdout};

type Shell = Editor<LineHelper, FileHistory>;

/// Reads and runs until the end of the input or `\q`. An error is printed, and the shell continues.
pub(super) async fn run(ctx: &SessionContext, print_options: &mut PrintOptions) -> Result<()> {
    if !print_options.quiet {
        writeln!(
            stdout(),
            "Pomona {} (\\? for help, \\q to quit)",
            env!("CARGO_PKG_VERSION")
        )?;
    }
    let mut editor: Shell = Editor::new().context("open the terminal")?;
    let dialect = || ctx.state().config_options().sql_parser.dialect;
    editor.set_helper(Some(LineHelper::new(dialect(), print_options.color)));
    let history = history_file();
    if let Some(file) = &history {
        // The file does not exist before the first session.
        let _ = editor.load_history(file);
    }

    loop {
        match editor.readline("pomona> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                editor.add_history_entry(line.trim_end())?;
                if let Some(command) = line.trim().strip_prefix('\\') {
                    match obey(ctx, print_options, command, Audience::Person).await {
                        Ok(Next::Quit) => break,
                        Ok(Next::GoOn) => {}
                        Err(error) => note!("{}", plain_message(&error)),
                    }
                } else {
                    interruptible(execute(ctx, &line, print_options, Audience::Person)).await;
                }
                if let Some(helper) = editor.helper_mut() {
                    helper.begin(dialect());
                }
            }
            Err(ReadlineError::Interrupted) => writeln!(stdout(), "^C")?,
            Err(ReadlineError::Eof) => {
                writeln!(stdout(), "\\q")?;
                break;
            }
            Err(error) => return Err(error).context("read from the terminal"),
        }
    }
    if let Some(file) = &history
        && let Err(error) = editor.save_history(file)
    {
        note!("the history was not saved to '{}': {error}", file.display());
    }
    Ok(())
}

/// Waits for a query; Ctrl-C ends the query, not the shell.
async fn interruptible(query: impl Future<Output = datafusion::common::Result<()>>) {
    tokio::select! {
        outcome = query => {
            if let Err(error) = outcome {
                note!("{}", plain_message(&error));
            }
        }
        _ = tokio::signal::ctrl_c() => note!("^C"),
    }
}

/// Where the history is kept: the user's state folder (`XDG_STATE_HOME` on Linux).
fn history_file() -> Option<PathBuf> {
    let folder = dirs::state_dir()
        .or_else(dirs::data_local_dir)?
        .join("pomona");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
