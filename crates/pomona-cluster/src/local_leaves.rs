//! Sources that only the client can read, such as its catalog and compressed text.

use std::sync::Arc;

use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::Result;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ExecutionPlan, collect_partitioned, replace_children_if_necessary,
};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Where the sources of a plan can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// All of them here alone: SHOW, information_schema.
    Local,
    /// All of them on the cluster.
    OnCluster,
    Mixed,
}

/// What of a query the client does itself, because the encoding of its plan would lose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadHere {
    /// Window functions.
    pub(crate) windows: bool,
    /// Files of JSON.
    pub(crate) json: bool,
}

impl Leaves {
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>, here: ReadHere) -> Self {
        // What a definition gives; nothing is to be computed.
        if plan.is::<EmptyExec>() {
            return Self::Local;
        }
        Self::below(plan, here)
    }

    fn below(plan: &Arc<dyn ExecutionPlan>, here: ReadHere) -> Self {
        if is_leaf(plan, here) {
            return if travels(plan, here) {
                Self::OnCluster
            } else {
                Self::Local
            };
        }
        let children = plan.children().into_iter();
        children
            .map(|child| Self::below(child, here))
            .reduce(|a, b| if a == b { a } else { Self::Mixed })
            .unwrap_or(Self::OnCluster)
    }
}

/// Whether a plan is a source. A recursive query is one, too: its rounds hand their rows on in memory.
/// And so are windows that the client computes, with all that is below them.
fn is_leaf(plan: &Arc<dyn ExecutionPlan>, here: ReadHere) -> bool {
    let is_window = plan.is::<WindowAggExec>() || plan.is::<BoundedWindowAggExec>();
    plan.children().is_empty() || plan.is::<RecursiveQueryExec>() || (is_window && here.windows)
}

/// Whether the scheduler knows how to divide a source among tasks, and executors how to read it.
fn travels(leaf: &Arc<dyn ExecutionPlan>, here: ReadHere) -> bool {
    leaf.downcast_ref::<DataSourceExec>()
        .is_some_and(|source| !(is_compressed(source) || here.json && is_json(source)))
        || leaf.is::<EmptyExec>()
        || leaf.is::<PlaceholderRowExec>()
        || leaf.is::<LazyMemoryExec>()
}

/// Whether a source is CSV or JSON in compressed files. The encoding of a plan has no compression, and an
/// executor would read the compressed bytes as text.
fn is_compressed(source: &DataSourceExec) -> bool {
    let files = source.data_source().downcast_ref::<FileScanConfig>();
    files.is_some_and(|files| files.file_compression_type.is_compressed())
}

fn is_json(source: &DataSourceExec) -> bool {
    let files = source.data_source().downcast_ref::<FileScanConfig>();
    files.is_some_and(|files| files.file_source().file_type() == "json")
}

/// Reads the sources that do not travel, and puts their rows in their place.
pub(crate) fn read_local_leaves(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    here: ReadHere,
) -> BoxFuture<'static, Result<Arc<dyn ExecutionPlan>>> {
    async move {
        if is_leaf(&plan, here) {
            if travels(&plan, here) {
                return Ok(plan);
            }
            let schema = plan.schema();
            let rows = collect_partitioned(plan, context).await?;
            let rows = MemorySourceConfig::try_new_exec(&rows, schema, None)?;
            return Ok(rows as Arc<dyn ExecutionPlan>);
        }
        let mut children = vec![];
        for child in plan.children() {
            let child = read_local_leaves(Arc::clone(child), Arc::clone(&context), here);
            children.push(child.await?);
        }
        replace_children_if_necessary(plan, children)
    }
    .boxed()
}
