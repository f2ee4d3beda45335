//! [`Lookup`]: a question to results, as SQL that is run here or by hand.

mod image;
mod outliers;
mod similar;
mod suspects;

use std::fmt::{self, Display, Formatter};

use datafusion::prelude::{DataFrame, SessionContext};
use pomona_results::{FinishedRun, register_results_tables};
use pomona_session::{StatementQueue, Variables};

pub use outliers::outliers;
pub use similar::{Similar, similar};
pub use suspects::{Suspects, suspects};

use crate::AnalysisError;
use crate::scripts::script;

/// Statements whose last one is a query: scripts of `sql/` with their variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    name: &'static str,
    sql: String,
}

impl Lookup {
    /// No statements so far; `name` is for errors.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            sql: String::new(),
        }
    }

    /// Adds a script of `sql/`.
    pub(crate) fn with(mut self, name: &str, variables: &Variables) -> Result<Self, AnalysisError> {
        if !self.sql.is_empty() {
            self.sql.push('\n');
        }
        let sql = variables.substitute(script(name).sql())?;
        self.sql.push_str(&sql);
        Ok(self)
    }

    /// The statements, as they run in a session of their own.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs all statements but the query, which is returned.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn query(&self, ctx: &SessionContext) -> Result<DataFrame, AnalysisError> {
        register_results_tables(ctx);
        let mut statements = StatementQueue::parse(ctx, self.name, &self.sql)?;
        while let Some(frame) = statements.next().await? {
            if statements.is_empty() {
                return Ok(frame);
            }
            let done = frame.collect().await;
            done.map_err(|error| statements.failed(error))?;
        }
        unreachable!("a look-up ends in a query")
    }
}

/// Refuses results without principal components, as those of a single image are.
pub(crate) fn check_components(results: &FinishedRun) -> Result<(), AnalysisError> {
    match results.manifest().counts.components {
        0 => Err(AnalysisError::NoComponents {
            results: results.location().to_string(),
        }),
        _ => Ok(()),
    }
}

/// What images are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// The network's features.
    Features,
    /// Their principal components.
    Pca,
}

impl Vectors {
    /// The folder of the results that holds the vectors.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Features => "features/",
            Self::Pca => "pca/parquet/",
        }
    }
}

/// The name of the column.
impl Display for Vectors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Features => "features",
            Self::Pca => "pca",
        })
    }
}
