//! Orders of rows that no shuffle keeps.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Makes sources say nothing of their rows' order, before DataFusion places the sorts.
///
/// A process divides sorted rows among partitions that are sorted again, and aggregates them as they
/// come. A shuffle of a cluster gives the rows of several tasks one after the other, and the same
/// aggregate would give a group more than once. Without the promise, rows are sorted where it counts.
#[derive(Debug)]
pub(crate) struct ForgetOrders;

impl PhysicalOptimizerRule for ForgetOrders {
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
        "ForgetOrders"
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

/// Sorts after each division of rows that was to keep their order: a shuffle does not.
pub(crate) fn sorted_after_shuffles(
    plan: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let sorted = |node: Arc<dyn ExecutionPlan>| {
        let divided = node.downcast_ref::<RepartitionExec>();
        let kept = divided.filter(|divided| divided.preserve_order());
        let Some((divided, ordering)) = kept.zip(node.output_ordering().cloned()) else {
            return Ok(Transformed::no(node));
        };
        let input = Arc::clone(divided.input());
        let plain = RepartitionExec::try_new(input, divided.partitioning().clone())?;
        let sort = SortExec::new(ordering, Arc::new(plain)).with_preserve_partitioning(true);
        Ok(Transformed::yes(Arc::new(sort) as Arc<dyn ExecutionPlan>))
    };
    plan.transform_up(sorted).map(|plan| plan.data)
}
