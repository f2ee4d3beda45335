//! Statements of a session: planned, and run at once where they are no queries.

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use pomona_cli::UsageError;
use pomona_session::{parse_statements, plan_statement, plan_with_parameters};

use crate::parameters::Parameters;
use crate::result::{Held, Rows, hold};

/// Plans one statement, and runs it unless it is a query.
///
/// # Errors
/// When there is no statement or there are several; as [`plan_with_parameters`].
pub(crate) async fn run_statement(
    ctx: &SessionContext,
    sql: &str,
    parameters: Parameters,
) -> anyhow::Result<Rows> {
    let mut statements = parse_statements(ctx, sql)?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => return Err(UsageError("there is no statement".to_string()).into()),
        (Some(_), more) => {
            let count = more + 1;
            let text = format!("{count} statements: sql() runs one, and execute() several");
            return Err(UsageError(text).into());
        }
    };
    let frame = plan_with_parameters(ctx, statement, parameters.into_values()).await?;
    Ok(begun(frame).await?)
}

/// Runs statements in order, and returns the rows of the last one, not yet computed if it is a query; `None` where it
/// has no columns.
///
/// # Errors
/// That of the first statement that fails.
pub(crate) async fn run_script(ctx: &SessionContext, sql: &str) -> anyhow::Result<Option<Rows>> {
    let mut statements = parse_statements(ctx, sql)?;
    let mut last = None;
    while let Some(statement) = statements.pop_front() {
        let frame = plan_statement(ctx, statement).await?;
        if statements.is_empty() {
            last = Some(begun(frame).await?);
        } else {
            frame.collect().await?;
        }
    }
    Ok(last.filter(|rows| !rows.schema().fields().is_empty()))
}

/// The rows of a query, not yet computed; of anything else, computed.
async fn begun(frame: DataFrame) -> datafusion::common::Result<Rows> {
    let plan = frame.logical_plan();
    let is_about_a_plan = matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    );
    let runs_now = is_about_a_plan
        || matches!(
            plan,
            LogicalPlan::Dml(_)
                | LogicalPlan::Copy(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Statement(_)
        );
    if !runs_now {
        return Ok(Rows::of_query(frame));
    }
    let held = hold(frame).await?;
    Ok(Rows::Held(Held {
        is_whole: is_about_a_plan,
        ..held
    }))
}
