//! A job of Ballista as the pages show it.

use std::collections::{HashMap, HashSet};

use ballista_core::serde::protobuf::failed_task::FailedReason;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::{FailedTask, JobStatus, task_status};
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::{ExecutionStage, StageOutput, TaskInfo};
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use pomona_console::{Job, JobRow, JobState, Stage, StageState, Task, TaskState, shortened};

use super::operators::Operators;
use crate::plain_errors::plain_reason;

/// Bytes of a plan that are shown.
const MOST_PLAN: usize = 64 << 10;

/// Bytes of an error that are shown.
const MOST_ERROR: usize = 8 << 10;

/// The words with which Ballista ends a job that was cancelled.
const CANCELLED: &str = "Cancelled";

/// An error of a job or a task as a person should read it.
pub(super) fn plain_error(reported: &str) -> String {
    shortened(&plain_reason(reported), MOST_ERROR)
}

/// What a status says, without the stages.
pub(super) fn row_of_status(status: &JobStatus) -> JobRow {
    let mut row = JobRow {
        id: status.job_id.clone(),
        name: status.job_name.clone(),
        ..JobRow::default()
    };
    match &status.status {
        Some(Status::Running(running)) => {
            row.state = JobState::Running;
            (row.queued, row.started) = (running.queued_at, running.started_at);
        }
        Some(Status::Successful(done)) => {
            row.state = JobState::Completed;
            (row.queued, row.started, row.ended) = (done.queued_at, done.started_at, done.ended_at);
        }
        Some(Status::Failed(failed)) => {
            row.state = match failed.error == CANCELLED {
                true => JobState::Cancelled,
                false => JobState::Failed,
            };
            (row.queued, row.started, row.ended) =
                (failed.queued_at, failed.started_at, failed.ended_at);
            row.error = (failed.error != CANCELLED).then(|| plain_error(&failed.error));
        }
        Some(Status::Queued(queued)) => row.queued = queued.queued_at,
        None => {}
    }
    row
}

/// A job in the list.
pub(super) fn row(graph: &dyn ExecutionGraph) -> JobRow {
    let stages = graph.stages().values();
    let seen: Vec<Seen<'_>> = stages.map(Seen::of).collect();
    let images = seen.iter().filter_map(|stage| {
        let operators = Operators::of(stage.plan, stage.metrics);
        operators.images()
    });
    JobRow {
        started: graph.start_time(),
        ended: graph.end_time(),
        stages: graph.stage_count() as u64,
        stages_done: graph.completed_stages() as u64,
        tasks: seen.iter().map(|stage| stage.partitions).sum(),
        tasks_done: seen.iter().map(Seen::partitions_done).sum(),
        tasks_failed: seen.iter().map(Seen::tasks_failed).sum(),
        // Later stages read what an earlier one made of the images, never more of them.
        images: images.max(),
        ..row_of_status(graph.status())
    }
}

/// Of which stages the operators are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorsOf {
    None,
    Stage(usize),
    All,
}

impl OperatorsOf {
    fn has(self, stage: usize) -> bool {
        match self {
            Self::None => false,
            Self::Stage(id) => id == stage,
            Self::All => true,
        }
    }
}

/// A job with its stages, and the operators of some of them.
pub(crate) fn job(graph: &dyn ExecutionGraph, operators: OperatorsOf) -> Job {
    let plan = displayable(graph.physical_plan().as_ref())
        .indent(false)
        .to_string();
    let mut stages: Vec<Stage> = graph
        .stages()
        .iter()
        .map(|(id, stage)| self::stage(*id, stage, operators.has(*id)))
        .collect();
    stages.sort_by_key(|stage| stage.id);
    link(graph, &mut stages);
    Job {
        row: row(graph),
        sql: None,
        plan: shortened(&plan, MOST_PLAN),
        stages,
        network_loads: super::tally::network_loads(graph),
    }
}

/// Who reads whom, and the bytes between them.
fn link(graph: &dyn ExecutionGraph, stages: &mut [Stage]) {
    let places: HashMap<usize, usize> = stages
        .iter()
        .enumerate()
        .map(|(place, stage)| (stage.id, place))
        .collect();
    for (id, stage) in graph.stages() {
        for reader in stage.output_links() {
            if let Some(place) = places.get(reader) {
                stages[*place].inputs.push(*id);
            }
        }
        for (input, output) in inputs(stage).into_iter().flatten() {
            let bytes = bytes_of(output);
            stages[places[id]].bytes_in += bytes;
            if let Some(place) = places.get(input) {
                stages[*place].bytes_out = stages[*place].bytes_out.max(bytes);
            }
        }
    }
    let last = graph.output_locations();
    let last_bytes = last
        .iter()
        .filter_map(|location| location.partition_stats.num_bytes());
    let last_bytes: u64 = last_bytes.sum();
    for stage in stages.iter_mut() {
        stage.inputs.sort_unstable();
        if graph.stages()[&stage.id].output_links().is_empty() {
            stage.bytes_out = last_bytes;
        }
    }
}

fn inputs(stage: &ExecutionStage) -> Option<&HashMap<usize, StageOutput>> {
    match stage {
        ExecutionStage::UnResolved(stage) => Some(&stage.inputs),
        ExecutionStage::Resolved(stage) => Some(&stage.inputs),
        ExecutionStage::Running(stage) => Some(&stage.inputs),
        ExecutionStage::Successful(stage) => Some(&stage.inputs),
        ExecutionStage::Failed(_) => None,
    }
}

fn bytes_of(output: &StageOutput) -> u64 {
    let locations = output.partition_locations.values().flatten();
    locations
        .filter_map(|location| location.partition_stats.num_bytes())
        .sum()
}

fn stage(id: usize, stage: &ExecutionStage, with_operators: bool) -> Stage {
    let seen = Seen::of(stage);
    let operators = Operators::of(seen.plan, seen.metrics);
    let (rows_in, rows_out) = operators.rows();
    Stage {
        id,
        state: seen.state,
        attempt: seen.attempt,
        inputs: vec![],
        partitions: seen.partitions,
        tasks: seen.tasks.iter().map(task).collect(),
        rows_in,
        rows_out,
        bytes_in: operators.bytes_scanned(),
        bytes_out: 0,
        images: operators.images(),
        error: seen.error.map(plain_error),
        plan: match with_operators {
            true => shortened(&operators.text(), MOST_PLAN),
            false => String::new(),
        },
    }
}

fn task(info: &TaskInfo) -> Task {
    let (state, executor, error) = match &info.task_status {
        task_status::Status::Running(task) => (TaskState::Running, task.executor_id.as_str(), None),
        task_status::Status::Successful(task) => {
            (TaskState::Completed, task.executor_id.as_str(), None)
        }
        task_status::Status::Failed(task) => (TaskState::Failed, "", Some(failure(task))),
    };
    let started = match info.start_exec_time {
        0 => info.launch_time.max(info.scheduled_time),
        started => started,
    };
    Task {
        id: info.task_id,
        partitions: info.global_input_partition_ids.clone(),
        state,
        executor: executor.to_string(),
        started: started as u64,
        ended: info.end_exec_time as u64,
        error,
    }
}

/// Why a task failed, with the kind of the reason where Ballista has one of its own.
fn failure(task: &FailedTask) -> String {
    let kind = match &task.failed_reason {
        Some(FailedReason::ExecutorLost(_)) => "executor lost",
        Some(FailedReason::ResultLost(_)) => "result lost",
        Some(FailedReason::FetchPartitionError(_)) => "rows of another stage cannot be fetched",
        Some(FailedReason::TaskKilled(_)) => "cancelled",
        Some(FailedReason::IoError(_)) => "storage or network",
        Some(FailedReason::ExecutionError(_)) | None => "",
    };
    let words = plain_error(&task.error);
    match (kind, words.as_str()) {
        ("", _) => words,
        (kind, "") => kind.to_string(),
        (kind, words) => format!("{kind}: {words}"),
    }
}

/// A stage in any of its states.
pub(super) struct Seen<'a> {
    pub(super) plan: &'a dyn ExecutionPlan,
    pub(super) metrics: &'a [MetricsSet],
    pub(super) tasks: &'a [TaskInfo],
    pub(super) state: StageState,
    pub(super) partitions: u64,
    pub(super) attempt: u64,
    /// Partitions that wait for a slot.
    pub(super) waiting: u64,
    error: Option<&'a str>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(stage: &'a ExecutionStage) -> Self {
        let tasks = stage.task_infos().unwrap_or_default();
        // The root writes for other stages, a task for each partition of its input.
        let input = stage.plan().children().into_iter().next();
        let planned = input.map_or(1, |input| input.output_partitioning().partition_count());
        let mut seen = Self {
            plan: stage.plan(),
            metrics: &[],
            tasks,
            state: StageState::Waiting,
            partitions: planned as u64,
            attempt: 0,
            waiting: 0,
            error: None,
        };
        match stage {
            ExecutionStage::UnResolved(stage) => seen.attempt = stage.stage_attempt_num as u64,
            ExecutionStage::Resolved(stage) => {
                seen.state = StageState::Ready;
                seen.attempt = stage.stage_attempt_num as u64;
                seen.partitions = stage.partitions as u64;
                seen.waiting = seen.partitions;
            }
            ExecutionStage::Running(stage) => {
                seen.state = StageState::Running;
                seen.attempt = stage.stage_attempt_num as u64;
                seen.partitions = stage.partitions as u64;
                seen.waiting = stage.pending.remaining() as u64;
                seen.metrics = stage.stage_metrics.as_deref().unwrap_or_default();
            }
            ExecutionStage::Successful(stage) => {
                seen.state = StageState::Completed;
                seen.attempt = stage.stage_attempt_num as u64;
                seen.partitions = stage.partitions as u64;
                seen.metrics = &stage.stage_metrics;
            }
            ExecutionStage::Failed(stage) => {
                seen.state = StageState::Failed;
                seen.attempt = stage.stage_attempt_num as u64;
                seen.partitions = stage.partitions as u64;
                seen.metrics = stage.stage_metrics.as_deref().unwrap_or_default();
                seen.error = Some(&stage.error_message);
            }
        }
        seen
    }

    fn partitions_done(&self) -> u64 {
        if self.state == StageState::Completed {
            return self.partitions;
        }
        let done = self
            .tasks
            .iter()
            .filter(|task| matches!(task.task_status, task_status::Status::Successful(_)));
        let done: HashSet<usize> = done
            .flat_map(|task| task.global_input_partition_ids.iter().copied())
            .collect();
        (done.len() as u64).min(self.partitions)
    }

    fn tasks_failed(&self) -> u64 {
        let failed = self
            .tasks
            .iter()
            .filter(|task| matches!(task.task_status, task_status::Status::Failed(_)));
        failed.count() as u64
    }
}
