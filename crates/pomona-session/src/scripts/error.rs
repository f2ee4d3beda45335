//! The errors of SQL scripts.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use thiserror::Error;

use crate::plain_message;

/// The error of a script, or of the engine that runs it.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// A script is neither built in nor a readable file.
    #[error("no script '{name}': pass the path of a .sql file, or one of {known}")]
    UnknownScript {
        /// The name that was asked for.
        name: String,
        /// The names of the scripts that are built in.
        known: String,
    },

    /// A script's file cannot be read.
    #[error("script '{}': {source}", path.display())]
    ReadScript {
        /// The file.
        path: PathBuf,
        /// The error of reading it.
        source: std::io::Error,
    },

    /// A script uses a variable that has no value.
    #[error("line {line}: ${{{name}}} has no value: define it with -d {name}=VALUE{}", known(.defined))]
    UndefinedVariable {
        /// The variable.
        name: String,
        /// The line that uses it, from 1.
        line: usize,
        /// The names that are defined.
        defined: Vec<String>,
    },

    /// A definition on the command line is not `NAME=VALUE`.
    #[error("'{0}' is not NAME=VALUE")]
    BadDefinition(String),

    /// The value of a variable is invalid at its place in the script.
    #[error("the value of ${{{name}}}, '{value}', is not one SQL expression: {reason}")]
    VariableValue {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// The reason.
        reason: String,
    },

    /// A condition is not one SQL expression.
    #[error("'{condition}' is not a condition, one SQL expression: {reason}")]
    Condition {
        /// The condition.
        condition: String,
        /// The reason.
        reason: String,
    },

    /// A statement failed.
    #[error("{script}, statement {number}: {}", plain_message(.source))]
    Statement {
        /// The script.
        script: String,
        /// The statement's place in it, from 1.
        number: usize,
        /// The engine's error.
        source: Box<DataFusionError>,
    },

    /// The engine failed outside a script.
    #[error("{}", plain_message(.0))]
    Engine(Box<DataFusionError>),
}

impl ScriptError {
    /// Whether the names, variables or conditions that were asked for are wrong as they are written.
    pub fn is_misspelt(&self) -> bool {
        match self {
            Self::UnknownScript { .. }
            | Self::UndefinedVariable { .. }
            | Self::BadDefinition(_)
            | Self::VariableValue { .. }
            | Self::Condition { .. } => true,
            Self::ReadScript { .. } | Self::Statement { .. } | Self::Engine(_) => false,
        }
    }
}

impl From<DataFusionError> for ScriptError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(Box::new(error))
    }
}

fn known(defined: &[String]) -> String {
    match defined {
        [] => String::new(),
        names => format!(" (defined: {})", names.join(", ")),
    }
}
