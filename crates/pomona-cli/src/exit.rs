//! Exit codes, and errors on standard error.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use pomona_session::plain_message;

use crate::config::ConfigError;
use crate::terminal::{ReaderLeft, is_reader_left, note};

/// The arguments or the settings are wrong; clap uses the same code.
pub(crate) const USAGE: u8 = 2;

/// The work is done, with more bad images than `--max-error-rate` allows.
pub(crate) const BAD_IMAGES: u8 = 3;

/// Prints an error and returns its exit code: 1, or 2 if a setting is wrong, or 0 if the reader of
/// standard output has closed it (`pomona sql … | head`).
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_no_longer_read) {
        return ExitCode::SUCCESS;
    }
    note!("Error: {}", message(error));
    match error.downcast_ref::<ConfigError>() {
        Some(_) => ExitCode::from(USAGE),
        None => ExitCode::FAILURE,
    }
}

/// The text of an error. Pomona's errors include the text of their causes, so a cause that is
/// already included is not repeated.
fn message(error: &anyhow::Error) -> String {
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

/// Whether the message includes the root of an engine's error.
fn is_included(cause: &(dyn Error + 'static), message: &str) -> bool {
    let boxed = cause.downcast_ref::<Box<DataFusionError>>();
    boxed.is_some_and(|engine| message.contains(&plain_message(engine)))
}

fn is_no_longer_read(cause: &(dyn Error + 'static)) -> bool {
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
