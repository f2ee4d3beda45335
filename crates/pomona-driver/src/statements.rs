//! [`Statements`]: the statements of a text, one after the other.

use std::collections::VecDeque;

use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;
use pomona_session::{parse_statements, plan_statement};

use crate::DriverError;

/// Statements that are still to be planned. A statement may need what those before it did, so each is
/// planned when its turn comes.
pub(crate) struct Statements<'a> {
    ctx: &'a SessionContext,
    script: &'a str,
    left: VecDeque<Statement>,
    /// The statement that was planned last, from 1.
    number: usize,
}

impl<'a> Statements<'a> {
    /// The statements of `sql`; `script` is for errors.
    pub(crate) fn parse(
        ctx: &'a SessionContext,
        script: &'a str,
        sql: &str,
    ) -> Result<Self, DriverError> {
        let mut this = Self {
            ctx,
            script,
            left: VecDeque::new(),
            number: 1,
        };
        this.left = parse_statements(ctx, sql).map_err(|error| this.failed(error))?;
        this.number = 0;
        Ok(this)
    }

    /// Plans the next statement, if there is one.
    pub(crate) async fn next(&mut self) -> Result<Option<DataFrame>, DriverError> {
        let Some(statement) = self.left.pop_front() else {
            return Ok(None);
        };
        self.number += 1;
        let planned = plan_statement(self.ctx, statement).await;
        planned.map(Some).map_err(|error| self.failed(error))
    }

    /// Whether the last statement was planned.
    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The error of the statement that was planned last.
    pub(crate) fn failed(&self, source: DataFusionError) -> DriverError {
        DriverError::Statement {
            script: self.script.to_string(),
            number: self.number,
            source: Box::new(source),
        }
    }
}
