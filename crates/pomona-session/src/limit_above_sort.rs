//! [`LimitAboveSort`]: keeps a limit above operators that need all rows.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::SortMergeJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Moves the limit of a sort above a sort-merge join, a window or an aggregate into an operator of its
/// own, before DataFusion places the sorts.
///
/// A sort-merge join keeps the order of its input, so DataFusion 55 moves the sort below it together
/// with its limit: `LIMIT 5` then joins the first five rows of one side instead of returning the first
/// five rows of the join. Hash joins are handled correctly. With sorted files, windows and aggregates
/// are wrong in the same way: a sum over all rows becomes one over the first five, and groups are
/// missing.
#[derive(Debug)]
pub(crate) struct LimitAboveSort;

impl PhysicalOptimizerRule for LimitAboveSort {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let above = |node: Arc<dyn ExecutionPlan>| {
            let sort = node.downcast_ref::<SortExec>();
            let limited = sort.and_then(|sort| Some((sort, sort.fetch()?)));
            match limited.filter(|(sort, _)| needs_all_rows(sort.input())) {
                Some((sort, fetch)) => {
                    let whole = Arc::new(sort.with_fetch(None));
                    let limit = GlobalLimitExec::new(whole, 0, Some(fetch));
                    Ok(Transformed::yes(Arc::new(limit) as Arc<dyn ExecutionPlan>))
                }
                None => Ok(Transformed::no(node)),
            }
        };
        plan.transform_up(above).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "LimitAboveSort"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a plan is an aggregate that returns its groups in the order of its input.
fn aggregates_in_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let aggregate = plan.downcast_ref::<AggregateExec>();
    aggregate.is_some_and(|aggregate| aggregate.input().output_ordering().is_some())
}

/// Whether the plan has an operator that keeps the order of its input, and whose rows or values
/// change if its input has fewer rows.
fn needs_all_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<SortMergeJoinExec>()
        || plan.is::<WindowAggExec>()
        || plan.is::<BoundedWindowAggExec>()
        || aggregates_in_order(plan)
        || plan.children().into_iter().any(needs_all_rows)
}
