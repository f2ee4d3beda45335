//! [`KeepSeriesColumns`]: a series of which only the number of rows is wanted.
//!
//! ```sql
//! SELECT count(*) FROM generate_series(1, 1000)
//! -- on an executor: "number of columns (1) must match number of fields (0) in schema"
//! ```
//!
//! Upstream: the protobuf encoding of `LazyMemoryExec` has the generators and no projection; no issue
//! known.
//! Remove when: `tests/pomona/traps/rules.rs` fails, because an executor reads such a series.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Adds the column of a series that was projected to no columns, below a projection to none.
#[derive(Debug)]
pub(crate) struct KeepSeriesColumns;

impl PhysicalOptimizerRule for KeepSeriesColumns {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let whole = |node: Arc<dyn ExecutionPlan>| {
            let series = node.downcast_ref::<LazyMemoryExec>();
            match series.filter(|series| series.schema().fields().is_empty()) {
                Some(series) => Ok(Transformed::yes(without_projection(series)?)),
                None => Ok(Transformed::no(node)),
            }
        };
        plan.transform_up(whole).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "KeepSeriesColumns"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn without_projection(series: &LazyMemoryExec) -> Result<Arc<dyn ExecutionPlan>> {
    let mut schema = None;
    let mut generators = vec![];
    for generator in series.generators() {
        let generator = generator.read();
        generators.push(generator.reset_state());
        if schema.is_none() {
            // Only a batch has the columns.
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

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::test_plans::rewritten;

    /// The first series of a plan.
    fn series(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
        if plan.is::<LazyMemoryExec>() {
            return Some(Arc::clone(plan));
        }
        plan.children().into_iter().find_map(series)
    }

    #[tokio::test]
    async fn a_series_without_columns_keeps_its_own() {
        let sql = "SELECT count(*) FROM generate_series(1, 3) a, generate_series(1, 2) b";
        let frame = SessionContext::new().sql(sql).await.unwrap();
        let plan = series(&frame.create_physical_plan().await.unwrap()).unwrap();
        insta::assert_snapshot!(rewritten(plan, KeepSeriesColumns), @r"
        LazyMemoryExec: partitions=1, batch_generators=[generate_series: start=1, end=3, batch_size=8192]
        becomes
        ProjectionExec: expr=[]
          LazyMemoryExec: partitions=1, batch_generators=[generate_series: start=1, end=3, batch_size=8192]
        ");
    }
}
