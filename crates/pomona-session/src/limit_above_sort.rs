//! [`LimitAboveSort`]: a limit that stays above a join.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::SortMergeJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;

/// Takes the limit out of a sort above a sort-merge join, before DataFusion places the sorts.
///
/// A join by sorting keeps the order of its input, so DataFusion moves the sort below it, limit and
/// all: the first five rows of one side are then joined, and not the join's first five given. Of
/// joins by hashing it knows better.
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
            match limited.filter(|(sort, _)| has_merge_join(sort.input())) {
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

fn has_merge_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<SortMergeJoinExec>() || plan.children().into_iter().any(has_merge_join)
}
