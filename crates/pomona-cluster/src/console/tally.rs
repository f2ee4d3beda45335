//! [`Tally`]: what each executor did for jobs.

use std::collections::{BTreeMap, HashMap};

use ballista_core::serde::protobuf::task_status;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use pomona_console::NetworkLoads;

use super::graph::Seen;

/// What one executor did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    /// Tasks that it completed.
    pub(crate) tasks: u64,
    /// How long they ran together.
    pub(crate) task_seconds: f64,
    /// Networks that it loaded for them.
    pub(crate) network_loads: u64,
}

/// The work of executors by their identifiers, and what no executor is named for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) executors: BTreeMap<String, Work>,
    /// Tasks that failed or were lost, and ran again.
    pub(crate) tasks_failed: u64,
    /// Stages that were started again.
    pub(crate) stages_again: u64,
    /// Images that were read.
    pub(crate) images: u64,
    /// Bytes that were read from files and objects.
    pub(crate) bytes_scanned: u64,
}

impl Tally {
    /// The work of a job so far.
    pub(crate) fn of(graph: &dyn ExecutionGraph) -> Self {
        let mut tally = Self::default();
        for stage in graph.stages().values() {
            let seen = Seen::of(stage);
            for task in seen.tasks {
                match &task.task_status {
                    task_status::Status::Successful(done) => {
                        let work = tally.executors.entry(done.executor_id.clone()).or_default();
                        work.tasks += 1;
                        let took = task.end_exec_time.saturating_sub(task.start_exec_time);
                        work.task_seconds += took as f64 / 1000.0;
                    }
                    task_status::Status::Failed(_) => tally.tasks_failed += 1,
                    task_status::Status::Running(_) => {}
                }
            }
            tally.stages_again += seen.attempt;
            let operators = super::operators::Operators::of(seen.plan, seen.metrics);
            tally.images += operators.images().unwrap_or(0);
            tally.bytes_scanned += operators.bytes_scanned();
        }
        for (executor, loads) in network_loads(graph) {
            tally.executors.entry(executor).or_default().network_loads += loads;
        }
        tally
    }

    /// Adds the work of another job.
    pub(crate) fn add(&mut self, other: &Self) {
        for (executor, work) in &other.executors {
            let all = self.executors.entry(executor.clone()).or_default();
            all.tasks += work.tasks;
            all.task_seconds += work.task_seconds;
            all.network_loads += work.network_loads;
        }
        self.tasks_failed += other.tasks_failed;
        self.stages_again += other.stages_again;
        self.images += other.images;
        self.bytes_scanned += other.bytes_scanned;
    }
}

/// The networks that the tasks of a job loaded, by the executor that completed the partition for which
/// one was loaded.
pub(super) fn network_loads(graph: &dyn ExecutionGraph) -> NetworkLoads {
    let mut loads = NetworkLoads::new();
    for stage in graph.stages().values() {
        let seen = Seen::of(stage);
        let metrics = seen.metrics.iter().flat_map(|set| set.iter());
        let counted: Vec<_> = metrics
            .filter(|metric| metric.value().name() == "network_loads")
            .collect();
        if counted.is_empty() {
            continue;
        }
        let executors: HashMap<usize, &str> = seen
            .tasks
            .iter()
            .filter_map(|task| match &task.task_status {
                task_status::Status::Successful(done) => Some((task, done.executor_id.as_str())),
                _ => None,
            })
            .flat_map(|(task, executor)| {
                let partitions = task.global_input_partition_ids.iter();
                partitions.map(move |partition| (*partition, executor))
            })
            .collect();
        for metric in counted {
            let executor = metric.partition().and_then(|at| executors.get(&at));
            if let Some(executor) = executor {
                *loads.entry((*executor).to_string()).or_default() +=
                    metric.value().as_usize() as u64;
            }
        }
    }
    loads
}
