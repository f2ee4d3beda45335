//! About how much memory a finished job takes.

use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::metrics::MetricsSet;

/// What every job has: its copy of the session's options, its plans.
const JOB: usize = 128 << 10;

/// A task with its times, its outputs, and its place in lists.
const TASK: usize = 2 << 10;

/// Where one task's output for one partition is, with everything about the executor.
const LOCATION: usize = 512;

const METRIC: usize = 256;

/// The rows that a job's plan holds, which may be the listing of millions of objects, are counted;
/// the rest is estimated by its number.
pub(super) fn approximate_bytes(graph: &ExecutionGraphBox) -> usize {
    let mut rows = 0;
    let counted = graph.physical_plan().apply(|operator| {
        let source = operator.downcast_ref::<DataSourceExec>();
        let memory = source.and_then(|source| {
            let source = source.data_source();
            source.downcast_ref::<MemorySourceConfig>()
        });
        let batches = memory.into_iter().flat_map(|memory| memory.partitions());
        rows += batches
            .flatten()
            .map(|batch| batch.get_array_memory_size())
            .sum::<usize>();
        Ok(TreeNodeRecursion::Continue)
    });
    counted.expect("the visitor never fails");
    JOB + rows + graph.stages().values().map(stage_bytes).sum::<usize>()
}

fn stage_bytes(stage: &ExecutionStage) -> usize {
    let tasks = stage.task_infos().map_or(0, <[_]>::len);
    let (inputs, metrics) = match stage {
        ExecutionStage::Successful(stage) => {
            let metrics = stage.stage_metrics.iter().map(|set| set.iter().count());
            (Some(&stage.inputs), metrics.sum())
        }
        ExecutionStage::Running(stage) => {
            let sets = stage.stage_metrics.iter().flatten();
            let metrics = sets.map(|set: &MetricsSet| set.iter().count());
            (Some(&stage.inputs), metrics.sum())
        }
        ExecutionStage::UnResolved(stage) => (Some(&stage.inputs), 0),
        ExecutionStage::Resolved(stage) => (Some(&stage.inputs), 0),
        ExecutionStage::Failed(_) => (None, 0),
    };
    let outputs = inputs.into_iter().flat_map(|inputs| inputs.values());
    let locations = outputs.flat_map(|output| output.partition_locations.values());
    // In the plan, which reads from them, they are a second time.
    let locations: usize = locations.map(|locations| 2 * locations.len()).sum();
    tasks * TASK + locations * LOCATION + metrics * METRIC
}
