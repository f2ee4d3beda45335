//! Parses and plans SQL statements.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::common::{Result, plan_datafusion_err};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::dialect_from_str;

/// Parses SQL text into its statements, in the session's dialect.
///
/// # Errors
/// When the text is not SQL; the error names line and column.
pub fn parse_statements(ctx: &SessionContext, sql: &str) -> Result<VecDeque<Statement>> {
    let state = ctx.state();
    let dialect = state.config().options().sql_parser.dialect;
    let dialect = dialect_from_str(dialect)
        .ok_or_else(|| plan_datafusion_err!("SQL dialect {dialect} is not known"))?;
    DFParserBuilder::new(sql)
        .with_dialect(dialect.as_ref())
        .build()?
        .parse_statements()
}

/// The text of the statement that a plan was made of: an extension of the configuration of a session, while the
/// statement is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementText(pub String);

/// Plans one statement. Definitions (`CREATE …`, `SET …`) take effect here; a query or a `COPY`
/// runs when the frame is collected or streamed.
///
/// # Errors
/// When a name or a type does not resolve, and when a definition fails.
pub async fn plan_statement(ctx: &SessionContext, statement: Statement) -> Result<DataFrame> {
    let text = StatementText(statement.to_string());
    let plan = ctx.state().statement_to_plan(statement).await?;
    let frame = ctx.execute_logical_plan(plan).await?;
    let (mut state, plan) = frame.into_parts();
    state.config_mut().set_extension(Arc::new(text));
    Ok(DataFrame::new(state, plan))
}
