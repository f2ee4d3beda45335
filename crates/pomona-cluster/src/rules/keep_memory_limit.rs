//! [`KeepMemoryLimit`]: the limit of rows in memory.
//!
//! ```sql
//! CREATE TABLE t AS SELECT value FROM generate_series(1, 10);
//! SELECT * FROM t LIMIT 3
//! -- on an executor: 10 rows
//! ```
//!
//! Upstream: apache/datafusion#24187. Since DataFusion 55.2 the encoding of an in-memory source keeps
//! `fetch`, and rows beyond it still come back from a cluster.
//! Remove when: `tests/pomona/traps/rules.rs` and `tests/slt/queries.slt` pass on a cluster without it.

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
