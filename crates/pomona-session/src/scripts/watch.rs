//! Counts the rows that a running statement has processed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::DataFrame;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, channel};

/// The metric of a query on a cluster that counts the rows which its executors have read in finished
/// tasks. [`output_rows`](datafusion::physical_plan::metrics::MetricsSet::output_rows) of such a query
/// counts the rows that came back.
pub const ROWS_HANDLED: &str = "rows_handled";

/// The time between two counts.
const INTERVAL: Duration = Duration::from_millis(200);

/// Collects a frame, and reports several times a second how many rows it has processed.
///
/// Dropping the future stops the statement.
pub(super) async fn collect_watched(
    frame: DataFrame,
    handled: &impl Fn(u64),
) -> Result<Vec<RecordBatch>> {
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let counted = counted(&plan);
    // On a task of its own, because a statement of one partition computes in the task that awaits it.
    let mut collecting = SpawnedTask::spawn(collect(plan, context));
    let mut ticks = ticks();
    loop {
        tokio::select! {
            collected = &mut collecting => {
                return collected.map_err(|error| DataFusionError::External(Box::new(error)))?;
            }
            Some(()) = ticks.recv() => handled(rows(&counted)),
        }
    }
}

/// Operators that pass rows on. A sort-preserving merge delays rows, so its count lags.
const MOVERS: [&str; 4] = [
    "CoalescePartitionsExec",
    "CooperativeExec",
    "RepartitionExec",
    "SortPreservingMergeExec",
];

/// The last operator that processes every row: operators after it, such as an aggregate or a filter,
/// return fewer rows, and operators before it are ahead of the work. Rows beyond a limit do not count,
/// because no operator processes them.
fn counted(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let mut counted = None;
    let mut operator = plan;
    loop {
        let keeps_rows = matches!(operator.cardinality_effect(), CardinalityEffect::Equal)
            || operator.fetch().is_some();
        if !keeps_rows && !operator.children().is_empty() {
            counted = None;
        } else if counted.is_none() && !MOVERS.contains(&operator.name()) {
            counted = Some(operator);
        }
        match operator.children()[..] {
            [input] => operator = input,
            _ => break,
        }
    }
    Arc::clone(counted.unwrap_or(operator))
}

/// The rows that an operator has returned, or, for a query on a cluster, those that were processed
/// there.
fn rows(operator: &Arc<dyn ExecutionPlan>) -> u64 {
    let Some(metrics) = operator.metrics() else {
        return 0;
    };
    let handled = metrics
        .sum_by_name(ROWS_HANDLED)
        .map(|rows| rows.as_usize());
    handled.or_else(|| metrics.output_rows()).unwrap_or(0) as u64
}

/// A tick each [`INTERVAL`], until the receiver is dropped. They come from a thread, because the
/// network keeps the runtime's threads busy for seconds and delays its timers.
fn ticks() -> Receiver<()> {
    let (sender, receiver) = channel(1);
    thread::spawn(move || {
        loop {
            thread::sleep(INTERVAL);
            if let Err(TrySendError::Closed(())) = sender.try_send(()) {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// The operator whose rows are counted in a query over 1,000 rows, and its count.
    async fn counted_in(sql: &str) -> (String, u64) {
        let config = SessionConfig::new().with_target_partitions(2);
        let ctx = SessionContext::new_with_config(config);
        let table = "CREATE TABLE t AS SELECT value AS a FROM generate_series(1, 1000)";
        ctx.sql(table).await.unwrap().collect().await.unwrap();
        let frame = ctx.sql(sql).await.unwrap();
        let context = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.unwrap();
        let operator = counted(&plan);
        collect(plan, context).await.unwrap();
        (operator.name().to_string(), rows(&operator))
    }

    #[tokio::test]
    async fn an_aggregate_has_handled_what_it_was_given() {
        let sql = "SELECT sum(value + 1) + 1 AS s FROM generate_series(1, 1000) WHERE value > 400";
        let (operator, rows) = counted_in(sql).await;
        assert_ne!(operator, "AggregateExec");
        assert_eq!(rows, 1000, "{operator}");
    }

    #[tokio::test]
    async fn a_limit_below_a_projection_hides_no_work() {
        let sql = "SELECT abs(a) AS b FROM (SELECT a FROM t ORDER BY a LIMIT 300)";
        assert_eq!(counted_in(sql).await, ("ProjectionExec".to_string(), 300));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_reported_while_a_statement_runs() {
        let ctx = SessionContext::new();
        let sql = "SELECT sum(value % 7) AS s FROM generate_series(1, 400000000)";
        let frame = ctx.sql(sql).await.unwrap();
        let (calls, last) = (Cell::new(0), Cell::new(0));
        let report = |rows| {
            assert!(rows >= last.get(), "{rows} after {}", last.get());
            last.set(rows);
            calls.set(calls.get() + 1);
        };
        let batches = collect_watched(frame, &report).await.unwrap();
        assert_eq!(batches[0].num_rows(), 1);
        assert!(calls.get() > 0);
        assert!(last.get() <= 400_000_000);
    }
}
