//! Executes SQL text and prints the results.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::instant::Instant;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use futures::StreamExt;
use pomona_session::{parse_statements, plan_statement};

/// Who reads the output.
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
    // A plan or a description is asked for to be read whole.
    if matches!(
        frame.logical_plan(),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    ) {
        print_options.maxrows = MaxRows::Unlimited;
    }
    let format_options = ctx.state().config_options().format.clone();
    let plan = frame.create_physical_plan().await?;
    let schema = plan.schema();
    let mut stream = execute_stream(plan, ctx.task_ctx())?;

    // A table needs all its rows for the widths of its columns, and JSON is one array: they are
    // collected. The other formats are written as the rows come.
    let collects = matches!(print_options.format, PrintFormat::Table | PrintFormat::Json);
    let keep = match (print_options.format, print_options.maxrows) {
        (PrintFormat::Table, MaxRows::Limited(rows)) => rows,
        _ => usize::MAX,
    };
    let mut kept: Vec<RecordBatch> = vec![];
    let mut rows = 0_usize;
    let mut header = true;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if collects {
            // One row more than is shown tells that there are more.
            if rows <= keep {
                kept.push(batch.slice(0, batch.num_rows().min((keep - rows).saturating_add(1))));
            }
        } else if batch.num_rows() > 0 {
            let mut stdout = io::stdout().lock();
            print_options.format.print_batches(
                &mut stdout,
                batch.schema(),
                std::slice::from_ref(&batch),
                MaxRows::Unlimited,
                header,
                &format_options,
            )?;
            header = false;
        }
        rows += batch.num_rows();
    }

    let quiet = print_options.quiet;
    print_options.quiet = quiet || audience == Audience::Program;
    if collects {
        print_options.print_batches(schema, &kept, start, rows, &format_options)?;
    }
    io::stdout().flush()?;
    if !quiet && audience == Audience::Program {
        let elapsed = start.elapsed().as_secs_f64();
        eprintln!("{rows} row(s) fetched. Elapsed {elapsed:.3} seconds.");
    }
    Ok(())
}
