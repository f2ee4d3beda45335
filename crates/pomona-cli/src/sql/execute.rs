//! Executes SQL text and prints the results.

use std::io::Write;

use datafusion::common::Result;
use datafusion::common::instant::Instant;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use futures::StreamExt;
use pomona_session::{parse_statements, plan_statement};

use crate::rows::RowWriter;
use crate::terminal::{note, stdout};

/// Who reads the output, which decides where row counts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person at the shell: results and row counts together.
    Person,
    /// A script or a pipe: results on standard output, row counts on standard error.
    Program,
}

/// Executes the statements of `sql` in order; the first that fails ends it.
pub(super) async fn execute(
    ctx: &SessionContext,
    sql: &str,
    print_options: &PrintOptions,
    audience: Audience,
) -> Result<()> {
    for statement in parse_statements(ctx, sql)? {
        let start = Instant::now();
        let frame = plan_statement(ctx, statement).await?;
        print(ctx, frame, start, print_options, audience).await?;
    }
    Ok(())
}

async fn print(
    ctx: &SessionContext,
    frame: DataFrame,
    start: Instant,
    print_options: &PrintOptions,
    audience: Audience,
) -> Result<()> {
    let mut print_options = print_options.clone();
    // Plans and descriptions are always printed whole.
    if matches!(
        frame.logical_plan(),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    ) {
        print_options.maxrows = MaxRows::Unlimited;
    }
    let format_options = ctx.state().config_options().format.clone();
    let plan = frame.create_physical_plan().await?;
    let mut writer = RowWriter::new(
        stdout(),
        plan.schema(),
        print_options.format,
        print_options.maxrows,
        &format_options,
    )?;
    let mut stream = execute_stream(plan, ctx.task_ctx())?;
    let mut rows = 0_usize;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.finish()?;
    if !print_options.quiet {
        let fetched = format!(
            "{rows} row(s) fetched. Elapsed {:.3} seconds.",
            start.elapsed().as_secs_f64()
        );
        match audience {
            Audience::Person => writeln!(stdout(), "{fetched}\n")?,
            Audience::Program => note!("{fetched}"),
        }
    }
    Ok(())
}
