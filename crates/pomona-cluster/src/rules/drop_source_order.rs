//! [`DropSourceOrder`]: the order of sources, before DataFusion places the sorts.
//!
//! ```sql
//! SET datafusion.optimizer.prefer_existing_sort = true;
//! SELECT a.x FROM sorted a JOIN sorted b ON a.x = b.x ORDER BY a.x LIMIT 10   -- of four sorted files
//! -- on a cluster, without SortAfterShuffle too: not the least ten
//! ```
//!
//! One process divides sorted rows among partitions that stay sorted; a shuffle concatenates the rows
//! of several tasks. No query is known that is wrong where `SortAfterShuffle` is there and this rule is
//! not: it keeps sources from being sorted again after each shuffle.
//!
//! Upstream: a shuffle has no order (apache/datafusion-ballista#2006).
//! Remove when: `SortAfterShuffle` is removed, or the sorts that it saves are measured to be few.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Removes the output order of files, series and rows in memory, so that rows are sorted where an
/// operator requires it.
#[derive(Debug)]
pub(crate) struct DropSourceOrder;

impl PhysicalOptimizerRule for DropSourceOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let forget = |node: Arc<dyn ExecutionPlan>| {
            if !node.children().is_empty() || node.output_ordering().is_none() {
                return Ok(Transformed::no(node));
            }
            Ok(match unordered(&node)? {
                Some(source) => Transformed::yes(source),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(forget).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "DropSourceOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same source without an order, where it is of a kind that has one.
fn unordered(leaf: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(series) = leaf.downcast_ref::<LazyMemoryExec>() {
        let generators = series.generators().clone();
        let series = LazyMemoryExec::try_new(series.schema(), generators)?;
        return Ok(Some(Arc::new(series)));
    }
    let Some(source) = leaf.downcast_ref::<DataSourceExec>() else {
        return Ok(None);
    };
    let source = source.data_source();
    if let Some(rows) = source.downcast_ref::<MemorySourceConfig>() {
        let rows = rows.clone().try_with_sort_information(vec![])?;
        return Ok(Some(DataSourceExec::from_data_source(rows)));
    }
    if let Some(files) = source.downcast_ref::<FileScanConfig>() {
        let files = FileScanConfigBuilder::from(files.clone()).with_output_ordering(vec![]);
        return Ok(Some(DataSourceExec::from_data_source(files.build())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_plans::{rewritten, sorted_rows};

    #[test]
    fn a_source_promises_no_order() {
        insta::assert_snapshot!(rewritten(sorted_rows(), DropSourceOrder), @r"
        DataSourceExec: partitions=2, partition_sizes=[1, 1], output_ordering=a@0 ASC
        becomes
        DataSourceExec: partitions=2, partition_sizes=[1, 1]
        ");
    }
}
