//! The interactive shell: datafusion-cli's editor, commands and printing around Pomona's session.
//!
//! The loop itself is not datafusion-cli's, which makes its own S3 client for every table and
//! writes its history into the folder it is started in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use datafusion_cli::command::{Command, OutputFormat};
use datafusion_cli::helper::CliHelper;
use datafusion_cli::print_options::PrintOptions;
use pomona_session::plain_message;
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;

use super::execute::{Audience, execute};

type Shell = Editor<CliHelper, FileHistory>;

/// Reads and runs until the end of the input or `\q`. An error is told and the shell goes on.
pub(super) async fn run(ctx: &SessionContext, print_options: &mut PrintOptions) -> Result<()> {
    if !print_options.quiet {
        println!(
            "Pomona {} (\\? for help, \\q to quit)",
            env!("CARGO_PKG_VERSION")
        );
    }
    let mut editor: Shell = Editor::new().context("open the terminal")?;
    let dialect = ctx.state().config_options().sql_parser.dialect;
    editor.set_helper(Some(CliHelper::new(&dialect, print_options.color)));
    let history = history_file();
    if let Some(file) = &history {
        // There is none before the first session.
        let _ = editor.load_history(file);
    }

    loop {
        match editor.readline("pomona> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                editor.add_history_entry(line.trim_end())?;
                if let Some(command) = line.trim().strip_prefix('\\') {
                    if obey(ctx, print_options, command).await == Next::Quit {
                        break;
                    }
                } else {
                    interruptible(execute(ctx, &line, print_options, Audience::Person)).await;
                }
                if let Some(helper) = editor.helper_mut() {
                    helper.set_dialect(&ctx.state().config_options().sql_parser.dialect);
                    helper.reset_hint();
                }
            }
            Err(ReadlineError::Interrupted) => println!("^C"),
            Err(ReadlineError::Eof) => {
                println!("\\q");
                break;
            }
            Err(error) => return Err(error).context("read from the terminal"),
        }
    }
    if let Some(file) = &history
        && let Err(error) = editor.save_history(file)
    {
        eprintln!("the history was not saved to '{}': {error}", file.display());
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

/// Runs a command that begins with a backslash.
async fn obey(ctx: &SessionContext, print_options: &mut PrintOptions, command: &str) -> Next {
    let words = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let Ok(command) = words.parse::<Command>() else {
        eprintln!("'\\{words}' is not a valid command, you can use '\\?' to see all commands");
        return Next::GoOn;
    };
    let outcome = match command {
        Command::Quit => return Next::Quit,
        Command::ListTables => execute(ctx, "SHOW TABLES", print_options, Audience::Person).await,
        Command::ListFunctions => {
            let sql = "SELECT DISTINCT function_name, function_type, syntax_example \
                       FROM (SHOW FUNCTIONS) ORDER BY function_name";
            execute(ctx, sql, print_options, Audience::Person).await
        }
        Command::SearchFunctions(name) => describe(ctx, &name).await,
        Command::OutputFormat(None) => {
            println!("Output format is {:?}.", print_options.format);
            Ok(())
        }
        Command::OutputFormat(Some(setting)) => match setting.parse::<OutputFormat>() {
            Ok(setting) => setting.execute(print_options),
            Err(()) => {
                eprintln!(
                    "'\\{words}' is not a valid command, you can use '\\?' to see all commands"
                );
                Ok(())
            }
        },
        Command::Include(Some(file)) => match fs::read_to_string(&file) {
            Ok(sql) => execute(ctx, &sql, print_options, Audience::Person).await,
            Err(error) => {
                eprintln!("read '{file}': {error}");
                Ok(())
            }
        },
        other => other.execute(ctx, print_options).await,
    };
    if let Err(error) = outcome {
        eprintln!("{}", plain_message(&error));
    }
    Next::GoOn
}

/// Tells what a function does, in prose.
async fn describe(ctx: &SessionContext, name: &str) -> datafusion::common::Result<()> {
    let sql = format!(
        "SELECT DISTINCT syntax_example, description FROM information_schema.routines \
         WHERE routine_name = '{}' AND description IS NOT NULL",
        name.to_lowercase().replace('\'', "''")
    );
    let found = ctx.sql(&sql).await?.collect().await?;
    let mut described = false;
    for batch in &found {
        for row in 0..batch.num_rows() {
            let text = |column| array_value_to_string(batch.column(column), row);
            println!("{}\n\n{}\n", text(0)?, text(1)?);
            described = true;
        }
    }
    if !described {
        eprintln!("'{name}' is not a known function, you can use '\\h' to see all functions");
    }
    Ok(())
}

/// Waits for a query; Ctrl-C ends the query, not the shell.
async fn interruptible(query: impl Future<Output = datafusion::common::Result<()>>) {
    tokio::select! {
        outcome = query => {
            if let Err(error) = outcome {
                eprintln!("{}", plain_message(&error));
            }
        }
        _ = tokio::signal::ctrl_c() => println!("^C"),
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
