//! [`Ahead`]: tasks that executors have beyond their cores, to read images while others compute.
//!
//! A task has nothing to compute until its first images have come, and nothing while its file is
//! completed and the next task is on its way. So an executor gets a second task a core, of those that
//! do nothing but read images and compute with them: these take turns
//! ([`Turns`](pomona_functions::Turns)), and one has read images when the other ends.
//!
//! Ballista gives tasks to whoever has cores that are free. A core that a task gets ahead is lent: it is
//! added to those that are free, and the core of the next task that ends there is not. Nothing is lent
//! while a partition of any other kind waits, so that no query waits for such tasks longer than before.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use ballista_core::serde::protobuf::job_status;
use ballista_scheduler::cluster::ExecutorSlot;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion::physical_plan::ExecutionPlan;
use pomona_functions::DecodeExec;
use pomona_images::ImageScanExec;

use crate::parallel_sink::ParallelSinkExec;

/// Operators that hold no more rows than a batch or a file's row group: two tasks a core are within the
/// memory of an executor.
const PASSING: [&str; 5] = [
    "ShuffleWriterExec",
    ParallelSinkExec::NAME,
    "ProjectionExec",
    "FilterExec",
    DecodeExec::NAME,
];

/// What executors have beyond their cores.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    executors: Mutex<HashMap<String, Executor>>,
}

#[derive(Debug)]
struct Executor {
    cores: u32,
    lent: u32,
}

impl Ahead {
    /// An executor that has joined.
    pub(super) fn add(&self, executor: &str, cores: u32) {
        let added = Executor { cores, lent: 0 };
        self.executors().insert(executor.to_owned(), added);
    }

    /// An executor that is gone.
    pub(super) fn remove(&self, executor: &str) {
        self.executors().remove(executor);
    }

    /// The cores that are lent for so many partitions, to all executors or some: to each as many as to
    /// any other, and no more than it has.
    pub(super) fn lend(
        &self,
        mut partitions: usize,
        to: Option<&HashSet<String>>,
    ) -> Vec<ExecutorSlot> {
        let mut executors = self.executors();
        let is_asked = |name: &String| to.is_none_or(|to| to.contains(name));
        let mut takers: Vec<_> = executors
            .iter_mut()
            .filter(|(name, _)| is_asked(name))
            .map(|(name, executor)| (name, executor, 0))
            .collect();
        takers.sort_by_key(|(_, executor, _)| executor.lent);
        let mut is_any = true;
        while is_any {
            is_any = false;
            for (_, executor, more) in &mut takers {
                if partitions > 0 && executor.lent < executor.cores {
                    executor.lent += 1;
                    *more += 1;
                    partitions -= 1;
                    is_any = true;
                }
            }
        }
        let lent = takers.into_iter().filter(|(_, _, more)| *more > 0);
        lent.map(|(name, _, more)| (name.clone(), more)).collect()
    }

    /// Of cores whose tasks have ended, those that were not lent.
    pub(super) fn returned(&self, ended: Vec<ExecutorSlot>) -> Vec<ExecutorSlot> {
        let mut executors = self.executors();
        let rest = ended.into_iter().map(|(name, cores)| {
            let lent = executors.get_mut(&name).map_or(0, |executor| {
                let lent = executor.lent.min(cores);
                executor.lent -= lent;
                lent
            });
            (name, cores - lent)
        });
        rest.filter(|(_, cores)| *cores > 0).collect()
    }

    fn executors(&self) -> MutexGuard<'_, HashMap<String, Executor>> {
        self.executors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Partitions that wait, and their jobs.
pub(super) struct Waiting {
    pub(super) partitions: usize,
    pub(super) jobs: HashMap<JobId, JobInfoCache>,
}

/// The partitions that wait, if each of them may be given ahead.
pub(super) async fn waiting(jobs: &HashMap<JobId, JobInfoCache>) -> Option<Waiting> {
    let mut waiting = Waiting {
        partitions: 0,
        jobs: HashMap::new(),
    };
    for (id, job) in jobs {
        if !matches!(job.status, Some(job_status::Status::Running(_))) {
            continue;
        }
        let graph = job.execution_graph.read().await;
        let mut partitions = 0;
        for stage in graph.stages().values() {
            if let ExecutionStage::Running(stage) = stage
                && !stage.pending.is_empty()
            {
                if !reads_ahead(&stage.plan) {
                    return None;
                }
                partitions += stage.pending.remaining();
            }
        }
        if partitions > 0 {
            waiting.partitions += partitions;
            waiting.jobs.insert(id.clone(), job.clone());
        }
    }
    (waiting.partitions > 0).then_some(waiting)
}

/// Whether the tasks of a stage read images, compute with them, and do nothing else that holds rows.
fn reads_ahead(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut operator = Arc::clone(plan);
    let mut computes = false;
    loop {
        if operator.is::<ImageScanExec>() {
            return computes;
        }
        computes |= operator.is::<DecodeExec>();
        let mut inputs = operator.children();
        let input = match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) if PASSING.contains(&operator.name()) => Arc::clone(input),
            _ => return false,
        };
        operator = input;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::expressions::col;
    use datafusion::physical_plan::projection::ProjectionExec;
    use pomona_images::{ImageScanConfig, ImageTableOptions, image_schema};

    use super::*;
    use crate::test_plans::rows;

    #[test]
    fn what_is_lent_is_as_much_as_there_are_cores_and_does_not_come_back_as_free() {
        let ahead = Ahead::default();
        ahead.add("a", 1);
        ahead.add("b", 4);
        ahead.add("elsewhere", 8);
        let some = HashSet::from(["a".to_owned(), "b".to_owned()]);
        let lend = |partitions| {
            let mut lent = ahead.lend(partitions, Some(&some));
            lent.sort();
            lent
        };
        let slots = |a, b| {
            let slots = [("a".to_owned(), a), ("b".to_owned(), b)];
            slots.into_iter().filter(|(_, cores)| *cores > 0).collect()
        };
        assert_eq!(lend(0), vec![]);
        assert_eq!(lend(2), slots(1, 1));
        assert_eq!(lend(100), slots(0, 3));
        assert_eq!(lend(100), vec![]);
        // Two tasks of b and the one of a that was ahead end, and one of a that was not.
        assert_eq!(ahead.returned(slots(1, 2)), vec![]);
        assert_eq!(ahead.returned(slots(1, 0)), slots(1, 0));
        assert_eq!(lend(2), slots(1, 1));
        ahead.remove("a");
        assert_eq!(ahead.returned(slots(1, 3)), slots(1, 0));
        assert_eq!(lend(1), slots(0, 1));
    }

    #[test]
    fn tasks_that_only_compute_with_images_are_given_ahead() {
        type Plan = Arc<dyn ExecutionPlan>;
        let schema = Arc::new(image_schema().project(&[0, 1, 2, 3, 4]).unwrap());
        let listing: Plan = Arc::new(EmptyExec::new(schema));
        let options = ImageTableOptions::default();
        let config = ImageScanConfig::new(vec![0, 5], vec![], &options);
        let scan: Plan = Arc::new(ImageScanExec::try_new(listing, config).unwrap());
        let project = |input: Plan| -> Plan {
            let schema = input.schema();
            let column = col("path", &schema).unwrap();
            let columns = vec![(column, "path".to_owned())];
            Arc::new(ProjectionExec::try_new(columns, input).unwrap())
        };
        let decode = |input: Plan| -> Plan { Arc::new(DecodeExec::new(input)) };
        let computed = decode(project(Arc::clone(&scan)));
        assert!(reads_ahead(&computed));
        assert!(reads_ahead(&project(Arc::clone(&computed))));
        // Nothing is computed, or rows are gathered.
        assert!(!reads_ahead(&project(scan)));
        assert!(!reads_ahead(
            &(Arc::new(CoalescePartitionsExec::new(computed)) as Plan)
        ));
        assert!(!reads_ahead(&decode(rows())));
    }
}
