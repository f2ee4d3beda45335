//! [`SortAfterShuffle`]: repartitioning whose rows stay sorted.
//!
//! ```sql
//! SELECT g, x, sum(x) OVER (PARTITION BY g ORDER BY x) FROM (SELECT g, x FROM t ORDER BY g, x LIMIT 300)
//! -- on an executor: "Expects PARTITION BY expression to be ordered"
//! ```
//!
//! A shuffle concatenates the rows of several tasks, and what reads it declares no order even where one
//! task wrote.
//!
//! Upstream: a shuffle has no order (apache/datafusion-ballista#2006).
//! Remove when: `tests/pomona/traps/rules.rs` fails, because the rows are right without it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Replaces a repartitioning whose rows stay sorted by one that need not keep them so, and a sort.
#[derive(Debug)]
pub(crate) struct SortAfterShuffle;

impl PhysicalOptimizerRule for SortAfterShuffle {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sorted = |node: Arc<dyn ExecutionPlan>| {
            let divided = node.downcast_ref::<RepartitionExec>();
            let Some((divided, ordering)) = divided.zip(node.output_ordering().cloned()) else {
                return Ok(Transformed::no(node));
            };
            let input = Arc::clone(divided.input());
            let plain = RepartitionExec::try_new(input, divided.partitioning().clone())?;
            let sort = SortExec::new(ordering, Arc::new(plain)).with_preserve_partitioning(true);
            Ok(Transformed::yes(Arc::new(sort) as Arc<dyn ExecutionPlan>))
        };
        plan.transform_up(sorted).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "SortAfterShuffle"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::Partitioning;

    use super::*;
    use crate::test_plans::{rewritten, sorted_rows};

    #[test]
    fn rows_are_sorted_after_they_are_divided() {
        let key = datafusion::physical_plan::expressions::col("a", &sorted_rows().schema());
        let by = Partitioning::Hash(vec![key.unwrap()], 3);
        let divided = RepartitionExec::try_new(sorted_rows(), by).unwrap();
        let plan = Arc::new(divided.with_preserve_order());
        insta::assert_snapshot!(rewritten(plan, SortAfterShuffle), @r"
        RepartitionExec: partitioning=Hash([a@0], 3), input_partitions=2, preserve_order=true, sort_exprs=a@0 ASC
          DataSourceExec: partitions=2, partition_sizes=[1, 1], output_ordering=a@0 ASC
        becomes
        SortExec: expr=[a@0 ASC], preserve_partitioning=[true]
          RepartitionExec: partitioning=Hash([a@0], 3), input_partitions=2
            DataSourceExec: partitions=2, partition_sizes=[1, 1], output_ordering=a@0 ASC
        ");
    }
}
