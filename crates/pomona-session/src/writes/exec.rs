//! [`ExplainWrites`]: the rule that puts an operator above sinks which reports why a write failed.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
};
use futures::StreamExt;

use super::Writes;

/// [`explain_writes`] as a rule of one process.
#[derive(Debug)]
pub(crate) struct ExplainWrites;

impl PhysicalOptimizerRule for ExplainWrites {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        explain_writes(plan)
    }

    fn name(&self) -> &str {
        "explain_writes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A plan whose sinks fail with the reason and the place.
///
/// # Errors
/// When an operator refuses its new input.
pub fn explain_writes(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let above = |sink: Arc<dyn ExecutionPlan>| {
        Ok(match sink.is::<DataSinkExec>() {
            true => {
                Transformed::yes(Arc::new(ExplainWritesExec { sink }) as Arc<dyn ExecutionPlan>)
            }
            false => Transformed::no(sink),
        })
    };
    plan.transform_up(above).data()
}

/// Runs a sink, and reports the first write of its files that failed in place of its error.
#[derive(Debug)]
struct ExplainWritesExec {
    sink: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for ExplainWritesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("ExplainWritesExec")
    }
}

impl ExecutionPlan for ExplainWritesExec {
    fn name(&self) -> &'static str {
        "ExplainWritesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.sink.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.sink]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(sink), true) => Ok(Arc::new(Self { sink })),
            _ => internal_err!("ExplainWritesExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (context, writes) = Writes::watched(&context);
        let written = self.sink.execute(partition, context)?;
        let schema = written.schema();
        let written = written.map(move |batch| batch.map_err(|error| writes.explain(error)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, written)))
    }
}
