//! Parses and plans SQL statements.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::common::{ParamValues, Result, plan_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlannedStatement};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::dialect_from_str;

use crate::configure::option_error;
use crate::{SessionError, plain_message};

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
    execute(ctx, plan, text).await
}

/// Plans one statement, as [`plan_statement`], with values in the place of its parameters: a list for `$1`,
/// `$2`, …, a map for `$name`.
///
/// # Errors
/// As [`plan_statement`]; [`SessionError::NoValue`] for a parameter without a value, and
/// [`SessionError::NoParameter`] for a value without a parameter.
pub async fn plan_with_parameters(
    ctx: &SessionContext,
    statement: Statement,
    parameters: ParamValues,
) -> Result<DataFrame> {
    let text = StatementText(statement.to_string());
    let plan = ctx.state().statement_to_plan(statement).await?;
    // The parameters of PREPARE get their values by EXECUTE.
    let is_prepare = matches!(plan, LogicalPlan::Statement(PlannedStatement::Prepare(_)));
    if is_prepare {
        return execute(ctx, plan, text).await;
    }
    check_names(&plan, &parameters)?;
    let plan = plan.with_param_values(parameters)?;
    execute(ctx, plan, text).await
}

fn check_names(plan: &LogicalPlan, parameters: &ParamValues) -> Result<()> {
    let asked = plan.get_parameter_names()?;
    let given: Vec<String> = match parameters {
        ParamValues::List(values) => (1..=values.len()).map(|at| format!("${at}")).collect(),
        ParamValues::Map(values) => values.keys().map(|name| format!("${name}")).collect(),
    };
    let without_value = asked.iter().filter(|name| !given.contains(name)).min();
    if let Some(name) = without_value {
        return Err(SessionError::NoValue { name: name.clone() }.into());
    }
    let without_parameter = given.into_iter().find(|name| !asked.contains(name));
    match without_parameter {
        Some(name) => Err(SessionError::NoParameter { name }.into()),
        None => Ok(()),
    }
}

async fn execute(
    ctx: &SessionContext,
    plan: LogicalPlan,
    text: StatementText,
) -> Result<DataFrame> {
    let named = name_of(&plan);
    let executed = ctx.execute_logical_plan(plan).await;
    let frame = executed.map_err(|error| named.in_error(error))?;
    let (mut state, plan) = frame.into_parts();
    state.config_mut().set_extension(Arc::new(text));
    Ok(DataFrame::new(state, plan))
}

/// What an error of a definition is about, which the engine's own does not say.
enum Named {
    Option(String, String),
    Files(String),
    Nothing,
}

fn name_of(plan: &LogicalPlan) -> Named {
    match plan {
        LogicalPlan::Statement(PlannedStatement::SetVariable(set)) => {
            Named::Option(set.variable.clone(), set.value.clone())
        }
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) => {
            Named::Files(format!("'{}'", table.locations.join("', '")))
        }
        _ => Named::Nothing,
    }
}

impl Named {
    fn in_error(self, error: DataFusionError) -> DataFusionError {
        match (self, error.find_root()) {
            (Self::Option(name, value), _) => option_error(&name, &value, &error).into(),
            (Self::Files(files), root) if is_of_format(root) => unreadable(files, &error).into(),
            _ => error,
        }
    }
}

/// Whether an error is that of a reader of a format, which knows bytes and no file.
pub(crate) fn is_of_format(root: &DataFusionError) -> bool {
    matches!(
        root,
        DataFusionError::ParquetError(_) | DataFusionError::ArrowError(..)
    )
}

/// The error of files that cannot be read, with their name.
pub(crate) fn unreadable(files: String, error: &DataFusionError) -> SessionError {
    let said = plain_message(error);
    // Both the engine and the reader say whose error it is.
    let reason = said.strip_prefix("Parquet error: ").unwrap_or(&said);
    SessionError::Unreadable {
        files,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::util::pretty::pretty_format_batches;
    use datafusion::common::ScalarValue;

    use super::*;
    use crate::{RuntimeOptions, session_context};

    async fn answer(sql: &str, parameters: impl Into<ParamValues>) -> Result<String> {
        let ctx = session_context(RuntimeOptions::default())?;
        let statement = parse_statements(&ctx, sql)?.pop_front().unwrap();
        let frame = plan_with_parameters(&ctx, statement, parameters.into()).await?;
        Ok(pretty_format_batches(&frame.collect().await?)?.to_string())
    }

    #[tokio::test]
    async fn parameters_have_numbers_or_names() {
        let values = vec![ScalarValue::from(2_i64), ScalarValue::from("b")];
        let rows = answer("SELECT $2 AS t, $1 + 1 AS n", values).await.unwrap();
        assert!(rows.contains("| b | 3 |"), "{rows}");
        let values = HashMap::from([("word", ScalarValue::from("it's"))]);
        let rows = answer("SELECT $word AS t WHERE $word LIKE 'it%'", values);
        assert!(rows.await.unwrap().contains("it's"));
    }

    #[tokio::test]
    async fn parameters_and_values_are_as_many() {
        let none = Vec::<ScalarValue>::new();
        let error = answer("SELECT $1", none).await.unwrap_err();
        assert!(error.to_string().contains("$1 has no value"), "{error}");
        let values = vec![ScalarValue::from(1_i64), ScalarValue::from(2_i64)];
        let error = answer("SELECT $1", values).await.unwrap_err();
        assert!(error.to_string().contains("no parameter $2"), "{error}");
    }

    #[tokio::test]
    async fn prepared_statements_take_theirs_later() {
        let none = Vec::<ScalarValue>::new();
        let planned = answer("PREPARE p(INT) AS SELECT $1", none).await;
        assert!(planned.is_ok(), "{planned:?}");
    }
}
