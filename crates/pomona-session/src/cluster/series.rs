//! Series of which only the number of rows is wanted.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Gives each series without columns its column back, below a projection to none. On the way to an
/// executor a series loses its projection, and its rows there do not fit its schema.
pub(crate) fn with_columns(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let whole = |node: Arc<dyn ExecutionPlan>| {
        let series = node.downcast_ref::<LazyMemoryExec>();
        match series.filter(|series| series.schema().fields().is_empty()) {
            Some(series) => Ok(Transformed::yes(without_projection(series)?)),
            None => Ok(Transformed::no(node)),
        }
    };
    plan.transform_up(whole).map(|plan| plan.data)
}

fn without_projection(series: &LazyMemoryExec) -> Result<Arc<dyn ExecutionPlan>> {
    let mut schema = None;
    let mut generators = vec![];
    for generator in series.generators() {
        let generator = generator.read();
        generators.push(generator.reset_state());
        if schema.is_none() {
            // Only a batch tells what the columns are.
            let batch = generator.reset_state().write().generate_next_batch()?;
            schema = batch.map(|batch| batch.schema());
        }
    }
    let Some(schema) = schema else {
        return Ok(Arc::new(EmptyExec::new(series.schema())));
    };
    let whole = Arc::new(LazyMemoryExec::try_new(schema, generators)?);
    let nothing = Vec::<ProjectionExpr>::new();
    Ok(Arc::new(ProjectionExec::try_new(nothing, whole)?))
}
