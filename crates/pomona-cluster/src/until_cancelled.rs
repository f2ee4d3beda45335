//! [`UntilCancelledExec`]: images that nobody waits for are not decoded.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, stream};
use pomona_functions::DecodeExec;
use tokio::sync::watch;

/// Hands on the batches of a [`DecodeExec`] and drops it when its task is cancelled.
///
/// Ballista writes a stage's rows in a task that it does not keep hold of, so that a cancel ends the
/// wait for the rows and not the work for them.
#[derive(Debug)]
pub(crate) struct UntilCancelledExec {
    input: Arc<dyn ExecutionPlan>,
    running: watch::Receiver<()>,
}

/// A plan whose decoders end when the sender of `running` is dropped. No operator more reports metrics
/// than before, by whose number the scheduler knows the stage.
///
/// # Errors
/// When an operator refuses its new input.
pub(crate) fn until_cancelled(
    plan: Arc<dyn ExecutionPlan>,
    running: &watch::Receiver<()>,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|input| {
        if !input.is::<DecodeExec>() {
            return Ok(Transformed::no(input));
        }
        let running = running.clone();
        Ok(Transformed::yes(
            Arc::new(UntilCancelledExec { input, running }) as Arc<dyn ExecutionPlan>,
        ))
    })
    .data()
}

impl DisplayAs for UntilCancelledExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("UntilCancelledExec")
    }
}

impl ExecutionPlan for UntilCancelledExec {
    fn name(&self) -> &'static str {
        "UntilCancelledExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
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
            (Some(input), true) => Ok(Arc::new(Self {
                input,
                running: self.running.clone(),
            })),
            _ => internal_err!("UntilCancelledExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let running = self.running.clone();
        let batches = stream::unfold(Some((input, running)), async |state| {
            let (mut input, mut running) = state?;
            tokio::select! {
                biased;
                // Nothing is ever sent: this is the end of the sender.
                _ = running.changed() => Some((exec_err!("the task was cancelled"), None)),
                batch = input.next() => Some((batch?, Some((input, running)))),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }
}
