//! Joins whose partitions know of one another, which tasks do not.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
};

/// Gives one partition to the right side of each join that collects its left side and then gives
/// rows of it by whether they were matched. The partitions of a process mark those rows together;
/// each of several tasks would give the rows that it has not matched itself.
pub(crate) fn in_one_task(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let in_one = |node: Arc<dyn ExecutionPlan>| {
        if !collected(&node).is_some_and(gives_unmatched) {
            return Ok(Transformed::no(node));
        }
        let mut children: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
        match children.pop() {
            Some(right) if right.output_partitioning().partition_count() > 1 => {
                children.push(merged(right));
                replace_children_if_necessary(node, children).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(node)),
        }
    };
    plan.transform_up(in_one).map(|plan| plan.data)
}

/// The type of a join of which every partition reads the whole left side.
fn collected(node: &Arc<dyn ExecutionPlan>) -> Option<JoinType> {
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        return Some(*join.join_type());
    }
    let join = node.downcast_ref::<HashJoinExec>()?;
    (*join.partition_mode() == PartitionMode::CollectLeft).then_some(*join.join_type())
}

/// Whether rows of the left side are given when all of the right side is read.
fn gives_unmatched(join: JoinType) -> bool {
    use JoinType::{Full, Left, LeftAnti, LeftMark, LeftSemi};
    matches!(join, Left | Full | LeftAnti | LeftMark | LeftSemi)
}

/// One partition of a plan. The scheduler takes a merge away where no operator asks for it; a limit
/// that takes all rows asks.
fn merged(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let merged: Arc<dyn ExecutionPlan> = match plan.output_ordering().cloned() {
        Some(ordering) => Arc::new(SortPreservingMergeExec::new(ordering, plan)),
        None => Arc::new(CoalescePartitionsExec::new(plan)),
    };
    Arc::new(GlobalLimitExec::new(merged, 0, None))
}
