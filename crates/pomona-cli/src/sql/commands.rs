//! Commands that begin with a backslash, as in psql.

use std::fs;
use std::io::Write;

use arrow::util::display::array_value_to_string;
use datafusion::common::{Result, plan_err};
use datafusion::prelude::SessionContext;
use datafusion_cli::command::{Command, OutputFormat};
use datafusion_cli::print_options::PrintOptions;
use pomona_images::{ImagesFunction, documentation};

use super::execute::{Audience, execute};
use crate::terminal::stdout;

/// Whether the shell continues after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Quit,
}

/// Runs a command, given without its backslash.
///
/// # Errors
/// When the command is unknown, and when it fails.
pub(super) async fn obey(
    ctx: &SessionContext,
    print_options: &mut PrintOptions,
    command: &str,
    audience: Audience,
) -> Result<Next> {
    let words = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let unknown =
        || plan_err!("'\\{words}' is not a valid command, you can use '\\?' to see all commands");
    let Ok(command) = words.parse::<Command>() else {
        return unknown();
    };
    match command {
        Command::Quit => return Ok(Next::Quit),
        Command::ListTables => execute(ctx, "SHOW TABLES", print_options, audience).await?,
        Command::DescribeTableStmt(table) => {
            // The information schema knows tables that exist; DESCRIBE, those that a name makes.
            let sql = match table.contains('/') {
                true if table.starts_with(['\'', '"']) => format!("DESCRIBE {table}"),
                true => format!("DESCRIBE '{}'", table.replace('\'', "''")),
                false => format!("SHOW COLUMNS FROM {table}"),
            };
            execute(ctx, &sql, print_options, audience).await?;
        }
        Command::ListFunctions => {
            let (images, syntax) = (ImagesFunction::NAME, documentation::FUNCTION_SYNTAX);
            let sql = format!(
                "SELECT DISTINCT routine_name AS function_name, function_type, syntax_example \
                 FROM information_schema.routines \
                 UNION ALL SELECT '{images}', 'TABLE', '{syntax}' ORDER BY 1, 2, 3"
            );
            execute(ctx, &sql, print_options, audience).await?;
        }
        Command::SearchFunctions(name) => describe(ctx, &name).await?,
        Command::OutputFormat(None) => {
            writeln!(stdout(), "Output format is {:?}.", print_options.format)?;
        }
        Command::OutputFormat(Some(setting)) => match setting.parse::<OutputFormat>() {
            Ok(setting) => setting.execute(print_options)?,
            Err(()) => return unknown(),
        },
        Command::Include(Some(file)) => match fs::read_to_string(&file) {
            Ok(sql) => execute(ctx, &sql, print_options, audience).await?,
            Err(error) => return plan_err!("read '{file}': {error}"),
        },
        other => other.execute(ctx, print_options).await?,
    }
    Ok(Next::GoOn)
}

/// Prints the documentation of a function.
async fn describe(ctx: &SessionContext, name: &str) -> Result<()> {
    if name.eq_ignore_ascii_case(ImagesFunction::NAME) {
        let (syntax, meaning) = (documentation::FUNCTION_SYNTAX, documentation::FUNCTION);
        writeln!(stdout(), "{syntax}\n\n{meaning}\n")?;
        return Ok(());
    }
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
            writeln!(stdout(), "{}\n\n{}\n", text(0)?, text(1)?)?;
            described = true;
        }
    }
    if !described {
        return plan_err!(
            "'{name}' is not a known function, you can use '\\h' to see all functions"
        );
    }
    Ok(())
}
