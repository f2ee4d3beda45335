//! What is wrong with a settings file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The error of a settings file or of a variable of the environment.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("read '{}': {source}", path.display())]
    Read { path: PathBuf, source: io::Error },

    /// The file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        message: String,
    },

    /// The key is not a setting.
    #[error("{}:{line}: '{key}' is not a setting{}", path.display(), suggest(.nearest))]
    UnknownKey {
        path: PathBuf,
        line: usize,
        key: String,
        nearest: Option<String>,
    },

    /// The value is of the wrong type.
    #[error("{}:{line}: '{key}' is {expected}, not {found}", path.display())]
    WrongType {
        path: PathBuf,
        line: usize,
        key: String,
        expected: &'static str,
        found: &'static str,
    },

    /// The value has the right type but is not allowed.
    #[error("{}:{line}: '{key}' cannot be '{value}': {reason}", path.display())]
    BadValue {
        path: PathBuf,
        line: usize,
        key: String,
        value: String,
        reason: String,
    },

    /// A variable's value is not allowed.
    #[error("{variable} cannot be '{value}': {reason}")]
    BadVariable {
        variable: String,
        value: String,
        reason: String,
    },
}

fn suggest(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean '{nearest}'?"),
        None => String::new(),
    }
}
