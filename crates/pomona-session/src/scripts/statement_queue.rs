//! [`StatementQueue`]: plans the statements of a text one by one.

use std::collections::VecDeque;

use crate::{parse_statements, plan_statement};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;

use super::ScriptError;

/// Statements that are still to be planned. A statement may use tables of those before it, so each
/// is planned after they have run.
pub struct StatementQueue<'a> {
    ctx: &'a SessionContext,
    script: &'a str,
    left: VecDeque<Statement>,
    /// The statement that was planned last, from 1.
    number: usize,
}

impl<'a> StatementQueue<'a> {
    /// The statements of `sql`; `script` is for errors.
    pub fn parse(ctx: &'a SessionContext, script: &'a str, sql: &str) -> Result<Self, ScriptError> {
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
    pub async fn next(&mut self) -> Result<Option<DataFrame>, ScriptError> {
        let Some(statement) = self.left.pop_front() else {
            return Ok(None);
        };
        self.number += 1;
        let planned = plan_statement(self.ctx, statement).await;
        planned.map(Some).map_err(|error| self.failed(error))
    }

    /// Whether every statement has been planned.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The error of the statement that was planned last.
    pub fn failed(&self, source: DataFusionError) -> ScriptError {
        ScriptError::Statement {
            script: self.script.to_string(),
            number: self.number,
            source: Box::new(source),
        }
    }
}
