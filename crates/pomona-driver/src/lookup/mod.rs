//! [`Lookup`]: a question to results, as SQL that is run here or by hand.

mod outliers;
mod picture;
mod results;
mod similar;
mod suspects;

use std::fmt::{self, Display, Formatter};

use datafusion::prelude::{DataFrame, SessionContext};
use pomona_session::{parse_statements, plan_statement};

pub use outliers::outliers;
pub use results::Results;
pub use similar::{Similar, similar};
pub use suspects::{Suspects, suspects};

use crate::{DriverError, Script, Variables};

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
    pub(crate) fn with(mut self, script: &str, variables: &Variables) -> Result<Self, DriverError> {
        if !self.sql.is_empty() {
            self.sql.push('\n');
        }
        let sql = variables.substitute(Script::find(script)?.sql())?;
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
    pub async fn query(&self, ctx: &SessionContext) -> Result<DataFrame, DriverError> {
        let failed = |number: usize| {
            move |source| DriverError::Statement {
                script: self.name.to_string(),
                number,
                source: Box::new(source),
            }
        };
        let mut statements = parse_statements(ctx, &self.sql).map_err(failed(1))?;
        let query = statements.pop_back();
        for (index, statement) in statements.into_iter().enumerate() {
            let failed = failed(index + 1);
            let frame = plan_statement(ctx, statement).await;
            frame.map_err(failed)?.collect().await.map_err(failed)?;
        }
        let query = query.expect("a look-up ends in a query");
        let number = parse_statements(ctx, &self.sql).map_or(0, |statements| statements.len());
        plan_statement(ctx, query).await.map_err(failed(number))
    }
}

/// What pictures are compared by.
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
