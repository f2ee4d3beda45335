//! [`SingleTaskOuterJoin`]: joins that share state between partitions.
//!
//! ```sql
//! SELECT count(*) FROM (SELECT g, max(x) AS x FROM t GROUP BY g) a
//!   FULL JOIN (SELECT h, max(x) AS x FROM t GROUP BY h) b ON a.x < b.x - 1000
//! -- on a cluster: each unmatched row of a once a task
//! ```
//!
//! The partitions of one process mark matched rows of the left side together; each of several tasks
//! returns the rows that it has not matched itself.
//!
//! Upstream: apache/datafusion-ballista#1055, apache/datafusion#12454.
//! Remove when: `tests/pomona/traps/rules.rs` fails, because the rows are right without it.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
};

/// Merges the right side of a join into one partition where the join collects its left side and
/// returns rows of it by whether they were matched.
#[derive(Debug)]
pub(crate) struct SingleTaskOuterJoin;

impl PhysicalOptimizerRule for SingleTaskOuterJoin {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let in_one = |node: Arc<dyn ExecutionPlan>| {
            if !collected(&node).is_some_and(returns_unmatched) {
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

    fn name(&self) -> &str {
        "SingleTaskOuterJoin"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The type of a join of which every partition reads the whole left side.
fn collected(node: &Arc<dyn ExecutionPlan>) -> Option<JoinType> {
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        return Some(*join.join_type());
    }
    let join = node.downcast_ref::<HashJoinExec>()?;
    (*join.partition_mode() == PartitionMode::CollectLeft).then_some(*join.join_type())
}

/// Whether rows of the left side are returned when all of the right side is read.
fn returns_unmatched(join: JoinType) -> bool {
    use JoinType::{Full, Left, LeftAnti, LeftMark, LeftSemi};
    matches!(join, Left | Full | LeftAnti | LeftMark | LeftSemi)
}

/// One partition of a plan. The scheduler removes a merge that no operator requires; a limit that keeps
/// all rows requires it.
fn merged(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let merged: Arc<dyn ExecutionPlan> = match plan.output_ordering().cloned() {
        Some(ordering) => Arc::new(SortPreservingMergeExec::new(ordering, plan)),
        None => Arc::new(CoalescePartitionsExec::new(plan)),
    };
    Arc::new(GlobalLimitExec::new(merged, 0, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_plans::{rewritten, rows};

    fn joined(kind: JoinType) -> Arc<dyn ExecutionPlan> {
        let left = Arc::new(CoalescePartitionsExec::new(rows()));
        let join = NestedLoopJoinExec::try_new(left, rows(), None, &kind, None);
        Arc::new(join.unwrap())
    }

    #[test]
    fn a_join_that_returns_unmatched_rows_runs_in_one_task() {
        insta::assert_snapshot!(rewritten(joined(JoinType::Left), SingleTaskOuterJoin), @r"
        NestedLoopJoinExec: join_type=Left
          CoalescePartitionsExec
            DataSourceExec: partitions=2, partition_sizes=[1, 1]
          DataSourceExec: partitions=2, partition_sizes=[1, 1]
        becomes
        NestedLoopJoinExec: join_type=Left
          CoalescePartitionsExec
            DataSourceExec: partitions=2, partition_sizes=[1, 1]
          GlobalLimitExec: skip=0, fetch=None
            CoalescePartitionsExec
              DataSourceExec: partitions=2, partition_sizes=[1, 1]
        ");
    }

    #[test]
    fn other_joins_stay_as_they_are() {
        let text = rewritten(joined(JoinType::Inner), SingleTaskOuterJoin);
        let (before, after) = text.split_once("becomes\n").unwrap();
        assert_eq!(before, after);
    }
}
