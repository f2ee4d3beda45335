//! Exit codes, and errors on standard error.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use pomona_session::plain_message;

use crate::terminal::{ReaderLeft, is_reader_left, note};

/// The arguments or the settings are wrong; clap's own code for that.
pub(crate) const USAGE: u8 = 2;

/// The work is done, with more bad images than `--max-error-rate` allows.
pub(crate) const BAD_IMAGES: u8 = 3;

/// Tells an error and gives the exit code for it: 1, or 0 where the reader of our output has
/// simply read enough (`pomona sql … | head`).
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_no_longer_read) {
        return ExitCode::SUCCESS;
    }
    note!("Error: {}", message(error));
    ExitCode::FAILURE
}

/// The error's own words. Pomona's errors hold the words of what caused them, so those causes are
/// not told again.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<DataFusionError>() {
            Some(engine) => plain_message(engine),
            None => cause.to_string(),
        };
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) && !cause_is_told(cause, &message) {
            message = format!("{message}: {text}");
        }
    }
    message
}

/// Whether an engine's error has been told already in the plain words of its root.
fn cause_is_told(cause: &(dyn Error + 'static), message: &str) -> bool {
    let boxed = cause.downcast_ref::<Box<DataFusionError>>();
    boxed.is_some_and(|engine| message.contains(&plain_message(engine)))
}

fn is_no_longer_read(cause: &(dyn Error + 'static)) -> bool {
    match cause.downcast_ref::<DataFusionError>() {
        Some(DataFusionError::IoError(error)) => is_reader_left(error),
        Some(DataFusionError::ArrowError(error, _)) => match error.as_ref() {
            ArrowError::IoError(_, error) => is_reader_left(error),
            // The CSV writer keeps the words of an error alone.
            ArrowError::CsvError(words) => words.contains(&ReaderLeft.to_string()),
            _ => false,
        },
        _ => cause
            .downcast_ref::<io::Error>()
            .is_some_and(is_reader_left),
    }
}
