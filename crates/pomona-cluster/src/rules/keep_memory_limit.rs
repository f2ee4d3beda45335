//! [`KeepMemoryLimit`]: the limit of rows in memory.
//!
//! ```sql
//! CREATE TABLE t AS SELECT value AS x FROM generate_series(1, 400);
//! SELECT x FROM t LIMIT 3
//! -- on an executor: 400 rows
//! ```
//!
//! Upstream: the scheduler makes the source of each task again, with its partitions and without its
//! limit (`restrict_plan_to_partitions` of Ballista 55); no issue known. The encoding of a plan has
//! kept the limit since apache/datafusion#24187.
//! Remove when: `tests/pomona/traps/rules.rs` fails, because the rows are right without it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::LocalLimitExec;

/// Moves `fetch` of an in-memory scan into a `LocalLimitExec`.
#[derive(Debug)]
pub(crate) struct KeepMemoryLimit;

impl PhysicalOptimizerRule for KeepMemoryLimit {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let above = |node: Arc<dyn ExecutionPlan>| {
            let source = node.downcast_ref::<DataSourceExec>();
            let in_memory = source.filter(|source| source.data_source().is::<MemorySourceConfig>());
            let limited =
                in_memory.and_then(|source| Some((source.fetch()?, source.with_fetch(None)?)));
            match limited {
                Some((fetch, whole)) => {
                    let limit = LocalLimitExec::new(whole, fetch);
                    Ok(Transformed::yes(Arc::new(limit) as Arc<dyn ExecutionPlan>))
                }
                None => Ok(Transformed::no(node)),
            }
        };
        plan.transform_up(above).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "KeepMemoryLimit"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_plans::{rewritten, rows};

    #[test]
    fn a_limit_of_rows_in_memory_is_an_operator() {
        let limited = rows().with_fetch(Some(3)).unwrap();
        insta::assert_snapshot!(rewritten(limited, KeepMemoryLimit), @r"
        DataSourceExec: partitions=2, partition_sizes=[1, 1], fetch=3
        becomes
        LocalLimitExec: fetch=3
          DataSourceExec: partitions=2, partition_sizes=[1, 1]
        ");
    }
}
