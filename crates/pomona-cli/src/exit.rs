//! Exit codes, and errors on standard error.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use pomona_analysis::AnalysisError;
use pomona_images::{ImagesError, store_answer};
use pomona_pipeline::PipelineError;
use pomona_pipeline::pack::PackError;
use pomona_session::{ScriptError, plain_message};
use thiserror::Error;

use crate::config::ConfigError;
use crate::terminal::{ReaderLeft, is_reader_left, note};

/// The arguments or the settings are wrong; clap uses the same code.
pub(crate) const USAGE: u8 = 2;

/// The work is done, with more bad images than `--max-error-rate` allows.
pub(crate) const BAD_IMAGES: u8 = 3;

/// Arguments that clap accepts and the command does not.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Prints what clap says: help, the version, or what is wrong with the arguments.
pub(crate) fn report_arguments(said: &clap::Error) -> ExitCode {
    let _ = said.print();
    ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(USAGE))
}

/// Prints an error and returns its exit code: 0 if the reader of standard output has closed it
/// (`pomona sql … | head`), 2 if an argument or a setting is wrong as it is written, or 1.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_no_longer_read) {
        return ExitCode::SUCCESS;
    }
    note!("Error: {}", error_message(error));
    match is_usage_error(error) {
        true => ExitCode::from(USAGE),
        false => ExitCode::FAILURE,
    }
}

/// Whether what was typed is at fault, whatever there is on disks and in stores. An error of SQL is
/// none of these: its type is the engine's.
pub fn is_usage_error(error: &anyhow::Error) -> bool {
    fn is<E: StdError + Send + Sync + 'static>(
        error: &anyhow::Error,
        at_fault: fn(&E) -> bool,
    ) -> bool {
        error.downcast_ref().is_some_and(at_fault)
    }
    error.is::<ConfigError>()
        || error.is::<UsageError>()
        || is(error, ImagesError::is_misspelt)
        || is(error, ScriptError::is_misspelt)
        || is(error, PipelineError::is_misspelt)
        || is(error, PackError::is_misspelt)
        || is(error, AnalysisError::is_misspelt)
}

/// The text of an error. Pomona's errors include the text of their causes, so a cause that is
/// already included is not repeated.
pub fn error_message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<DataFusionError>() {
            Some(engine) => plain_message(engine),
            None => cause.to_string(),
        };
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) && !is_included(cause, &message) {
            message = format!("{message}: {text}");
        }
    }
    message
}

/// Whether the message includes the root of an engine's error, or what a store said without its XML.
fn is_included(cause: &(dyn StdError + 'static), message: &str) -> bool {
    if store_answer(cause).is_some_and(|answer| message.contains(&answer)) {
        return true;
    }
    let boxed = cause.downcast_ref::<Box<DataFusionError>>();
    boxed.is_some_and(|engine| message.contains(&plain_message(engine)))
}

fn is_no_longer_read(cause: &(dyn StdError + 'static)) -> bool {
    match cause.downcast_ref::<DataFusionError>() {
        Some(DataFusionError::IoError(error)) => is_reader_left(error),
        Some(DataFusionError::ArrowError(error, _)) => match error.as_ref() {
            ArrowError::IoError(_, error) => is_reader_left(error),
            // The CSV writer keeps the text of an error alone.
            ArrowError::CsvError(words) => words.contains(&ReaderLeft.to_string()),
            _ => false,
        },
        _ => cause
            .downcast_ref::<io::Error>()
            .is_some_and(is_reader_left),
    }
}
