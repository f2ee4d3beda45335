//! [`ImageTableExec`]: runs the plan of an image table in its own context.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, StatisticsContext,
};

use super::guard::{guarded, guarded_stream};

/// A leaf over a plan that needs the object stores and the options of the session which made it. It shows no
/// children: the rules of another session would rewrite what they do not know, and its tasks have no stores.
#[derive(Debug)]
pub(super) struct ImageTableExec {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl ImageTableExec {
    /// The operator's name in plans.
    pub(super) const NAME: &'static str = "ImageTableExec";

    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Self {
        Self { plan, context }
    }
}

impl DisplayAs for ImageTableExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "{}: ", Self::NAME)?;
            }
            DisplayFormatType::TreeRender => {}
        }
        self.plan.fmt_as(format, f)
    }
}

impl ExecutionPlan for ImageTableExec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let stream = guarded(Self::NAME, || {
            self.plan.execute(partition, Arc::clone(&self.context))
        })?;
        Ok(guarded_stream(Self::NAME, stream))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.plan.metrics()
    }

    /// Those of the plan, which is no child.
    fn statistics_from_inputs(
        &self,
        _input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        guarded(Self::NAME, || {
            StatisticsContext::new().compute(self.plan.as_ref(), args)
        })
    }
}
