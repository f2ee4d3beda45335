//! Limits that are lost on the way to an executor.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::LocalLimitExec;

/// Puts the limit of rows in memory above them: on the way to an executor they lose it.
pub(crate) fn above_memory(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
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
