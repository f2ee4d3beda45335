//! [`MeasuredSourceExec`]: rows in memory that are counted when they are read.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
};
use futures::StreamExt;

/// Reads a source in memory and counts its rows, which DataFusion's own does not.
///
/// A scheduler takes the rows that a stage has read from the metrics of its leaves. The listing of an
/// image table is such a leaf, so without the count the stage that computes features has read
/// nothing until it ends.
#[derive(Debug)]
pub(crate) struct MeasuredSourceExec {
    source: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

/// A plan whose sources in memory count their rows. It has the shape that it had, in which the
/// scheduler looks for metrics.
///
/// # Errors
/// When an operator refuses its new source.
pub(crate) fn measured(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|operator| {
        if !is_in_memory(&operator) {
            return Ok(Transformed::no(operator));
        }
        Ok(Transformed::yes(Arc::new(MeasuredSourceExec {
            source: operator,
            metrics: ExecutionPlanMetricsSet::new(),
        }) as Arc<dyn ExecutionPlan>))
    })
    .data()
}

fn is_in_memory(operator: &Arc<dyn ExecutionPlan>) -> bool {
    let source = operator.downcast_ref::<DataSourceExec>();
    source.is_some_and(|source| source.data_source().is::<MemorySourceConfig>())
}

impl DisplayAs for MeasuredSourceExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        self.source.fmt_as(format, f)
    }
}

impl ExecutionPlan for MeasuredSourceExec {
    fn name(&self) -> &'static str {
        "MeasuredSourceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.source.properties()
    }

    /// The source is this operator's own, not another one of the plan.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.source.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("MeasuredSourceExec has no input")
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = self.source.execute(partition, context)?;
        let counted = rows.inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            counted,
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn rows_in_memory_are_counted_where_they_are_read() {
        let ctx = SessionContext::new();
        let table = "CREATE TABLE t AS SELECT value AS a FROM generate_series(1, 1000)";
        ctx.sql(table).await.unwrap().collect().await.unwrap();
        let frame = ctx.sql("SELECT a FROM t WHERE a > 900").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let reporting = |plan: &Arc<dyn ExecutionPlan>| {
            let mut operators = 0;
            plan.apply(|operator| {
                operators += usize::from(operator.metrics().is_some());
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
            operators
        };

        let measured = measured(Arc::clone(&plan)).unwrap();
        assert_eq!(reporting(&measured), reporting(&plan));
        let rows = collect(Arc::clone(&measured), ctx.task_ctx())
            .await
            .unwrap();
        assert_eq!(
            rows.iter().map(|batch| batch.num_rows()).sum::<usize>(),
            100
        );
        let mut read = None;
        measured
            .apply(|operator| {
                if operator.children().is_empty() {
                    read = operator.metrics().unwrap().output_rows();
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        assert_eq!(read, Some(1000));
    }
}
