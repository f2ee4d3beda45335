//! What the pages say, as plain data. Times are milliseconds since 1970; 0 is not yet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The networks that each executor loaded, by the executor's identifier.
pub type NetworkLoads = BTreeMap<String, u64>;

/// A scheduler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its address, such as `df://10.0.0.7:50050`.
    pub address: String,
    /// The version of Pomona.
    pub version: String,
    /// When it started.
    pub started: u64,
    /// The time of this view of it.
    pub now: u64,
    /// After so many seconds without a heartbeat an executor is lost.
    pub executor_timeout_seconds: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobState {
    /// It runs.
    Running,
    /// It waits to be planned.
    #[default]
    Queued,
    /// It failed.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It is complete.
    Completed,
}

impl JobState {
    /// Whether nothing about the job will change.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled | Self::Completed)
    }
}

/// A job in the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// Its identifier.
    pub id: String,
    /// Its name; may be empty.
    pub name: String,
    /// How far it is.
    pub state: JobState,
    /// When the scheduler accepted it.
    pub queued: u64,
    /// When it began.
    pub started: u64,
    /// When it ended.
    pub ended: u64,
    /// Its stages.
    pub stages: u64,
    /// Those of them that are complete.
    pub stages_done: u64,
    /// Its tasks, as far as they are known.
    pub tasks: u64,
    /// Those of them that are complete.
    pub tasks_done: u64,
    /// Tasks that failed or were lost, and ran again.
    pub tasks_failed: u64,
    /// The images that complete tasks read; `None` for a job without images.
    pub images: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

impl JobRow {
    /// The time that it took, in seconds; until `now` if it still runs.
    pub fn seconds(&self, now: u64) -> f64 {
        let end = if self.ended > 0 { self.ended } else { now };
        if self.started == 0 {
            return 0.0;
        }
        end.saturating_sub(self.started) as f64 / 1000.0
    }

    /// The share of its tasks that are complete, from 0 to 1.
    pub fn share(&self) -> f64 {
        match self.state {
            JobState::Completed => 1.0,
            _ if self.tasks == 0 => 0.0,
            _ => self.tasks_done as f64 / self.tasks as f64,
        }
    }

    /// About how many seconds it will still run, by the time that its complete tasks took.
    pub fn seconds_left(&self, now: u64) -> Option<f64> {
        let share = self.share();
        let is_known = self.state == JobState::Running && self.tasks_done > 0 && share < 1.0;
        is_known.then(|| self.seconds(now) * (1.0 - share) / share)
    }

    /// Images a second, from the job's begin.
    pub fn images_per_second(&self, now: u64) -> Option<f64> {
        let seconds = self.seconds(now);
        let images = self.images.filter(|images| *images > 0)?;
        (seconds > 0.0).then(|| images as f64 / seconds)
    }
}

/// A job with its stages and plans.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job as the list has it.
    pub row: JobRow,
    /// The SQL of its query, if its client sent it.
    pub sql: Option<String>,
    /// Its physical plan.
    pub plan: String,
    /// Its stages, by their number.
    pub stages: Vec<Stage>,
    /// The networks that its tasks loaded.
    pub network_loads: NetworkLoads,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageState {
    /// Stages that it reads are not complete.
    #[default]
    Waiting,
    /// It can run.
    Ready,
    /// It runs.
    Running,
    /// It is complete.
    Completed,
    /// It failed.
    Failed,
}

/// A stage of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its number in the job, from 1.
    pub id: usize,
    /// How far it is.
    pub state: StageState,
    /// How often it was started again, because results that others read from it were lost.
    pub attempt: u64,
    /// The stages that it reads, by number.
    pub inputs: Vec<usize>,
    /// Its partitions.
    pub partitions: u64,
    /// Its tasks in the order of their starts, those among them that failed.
    pub tasks: Vec<Task>,
    /// Rows that its complete tasks read.
    pub rows_in: u64,
    /// Rows that they wrote.
    pub rows_out: u64,
    /// Bytes that they read, from files and objects and from other stages.
    pub bytes_in: u64,
    /// Bytes that they wrote for other stages or the client.
    pub bytes_out: u64,
    /// The images that they read; `None` where it reads none.
    pub images: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its operators, an indented line each, with what they measured.
    pub plan: String,
}

impl Stage {
    /// Its complete tasks.
    pub fn tasks_done(&self) -> u64 {
        let done = self.tasks.iter();
        done.filter(|task| task.state == TaskState::Completed)
            .count() as u64
    }

    /// Its tasks that failed or were lost.
    pub fn tasks_failed(&self) -> u64 {
        let failed = self.tasks.iter();
        failed
            .filter(|task| task.state == TaskState::Failed)
            .count() as u64
    }

    /// Its tasks that run.
    pub fn tasks_running(&self) -> u64 {
        let running = self.tasks.iter();
        running
            .filter(|task| task.state == TaskState::Running)
            .count() as u64
    }

    /// The durations of its slowest and of its median complete task, in seconds.
    pub fn skew(&self) -> Option<(f64, f64)> {
        let complete = self
            .tasks
            .iter()
            .filter(|task| task.state == TaskState::Completed);
        let mut times: Vec<u64> = complete
            .map(|task| task.ended.saturating_sub(task.started))
            .collect();
        times.sort_unstable();
        let slowest = *times.last()?;
        let median = times[(times.len() - 1) / 2];
        Some((slowest as f64 / 1000.0, median as f64 / 1000.0))
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskState {
    /// It runs, or was sent to its executor.
    #[default]
    Running,
    /// It is complete.
    Completed,
    /// It failed, or its executor was lost.
    Failed,
}

/// A task of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number in the stage.
    pub id: usize,
    /// The partitions that it computes.
    pub partitions: Vec<usize>,
    /// How far it is.
    pub state: TaskState,
    /// The executor that runs it, or ran it.
    pub executor: String,
    /// When it began on its executor; where the executor has not reported that yet, when it was sent.
    pub started: u64,
    /// When it ended.
    pub ended: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// An executor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executor {
    /// Its identifier.
    pub id: String,
    /// Its host, as others reach it.
    pub host: String,
    /// The port that serves its results, its probes and its metrics.
    pub port: u16,
    /// Tasks that it runs at the same time.
    pub slots: u64,
    /// Tasks that it runs now.
    pub running: u64,
    /// Tasks that it completed.
    pub completed: u64,
    /// When it was last heard of.
    pub heartbeat: u64,
    /// Whether it was lost, or ended.
    pub is_gone: bool,
    /// The memory of its process, in bytes.
    pub memory: Option<u64>,
    /// The most memory that its process had, in bytes.
    pub memory_peak: Option<u64>,
    /// The memory of its machine, in bytes.
    pub memory_total: Option<u64>,
    /// The networks that its tasks loaded.
    pub network_loads: u64,
}

/// A stage of a run in one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunStage {
    /// Its name, such as `features`.
    pub name: String,
    /// When it began.
    pub started: u64,
    /// When it ended; 0 while it runs.
    pub ended: u64,
    /// The images that it has handled.
    pub images_done: u64,
    /// The images that it will handle.
    pub images: u64,
}

/// A run of the pipeline in one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The images, as they were named.
    pub input: String,
    /// The folder of the results.
    pub output: String,
    /// The images that were found.
    pub images: Option<u64>,
    /// When it began.
    pub started: u64,
    /// When it ended; 0 while it runs.
    pub ended: u64,
    /// Its stages in their order, as far as they have begun.
    pub stages: Vec<RunStage>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl RunStage {
    /// Images a second, and about how many seconds are left.
    pub fn pace(&self, now: u64) -> Option<(f64, f64)> {
        let end = if self.ended > 0 { self.ended } else { now };
        let seconds = end.saturating_sub(self.started) as f64 / 1000.0;
        if seconds <= 0.0 || self.images_done == 0 {
            return None;
        }
        let rate = self.images_done as f64 / seconds;
        let left = self.images.saturating_sub(self.images_done) as f64 / rate;
        Some((rate, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: TaskState, milliseconds: u64) -> Task {
        Task {
            state,
            started: 1000,
            ended: 1000 + milliseconds,
            ..Task::default()
        }
    }

    #[test]
    fn a_stage_of_a_run_has_a_pace() {
        let mut stage = RunStage {
            started: 1000,
            images: 300,
            ..RunStage::default()
        };
        assert_eq!(stage.pace(11_000), None);
        stage.images_done = 100;
        assert_eq!(stage.pace(11_000), Some((10.0, 20.0)));
        (stage.images_done, stage.ended) = (300, 21_000);
        assert_eq!(stage.pace(99_000), Some((15.0, 0.0)));
    }

    #[test]
    fn skew_is_that_of_complete_tasks() {
        let mut stage = Stage {
            tasks: vec![task(TaskState::Failed, 9000), task(TaskState::Running, 0)],
            ..Stage::default()
        };
        assert_eq!(stage.skew(), None);
        stage.tasks.extend([
            task(TaskState::Completed, 2000),
            task(TaskState::Completed, 500),
            task(TaskState::Completed, 1000),
        ]);
        assert_eq!(stage.skew(), Some((2.0, 1.0)));
        assert_eq!(
            (
                stage.tasks_done(),
                stage.tasks_failed(),
                stage.tasks_running()
            ),
            (3, 1, 1)
        );
    }

    #[test]
    fn a_job_has_a_rate_and_an_end_as_soon_as_a_task_is_complete() {
        let mut row = JobRow {
            state: JobState::Running,
            started: 1000,
            tasks: 4,
            images: Some(0),
            ..JobRow::default()
        };
        assert_eq!(row.seconds_left(11_000), None);
        assert_eq!(row.images_per_second(11_000), None);
        row.tasks_done = 1;
        row.images = Some(500);
        assert_eq!(row.share(), 0.25);
        assert_eq!(row.seconds_left(11_000), Some(30.0));
        assert_eq!(row.images_per_second(11_000), Some(50.0));
        row.state = JobState::Completed;
        row.ended = 6000;
        assert_eq!(row.seconds(11_000), 5.0);
        assert_eq!(row.images_per_second(11_000), Some(100.0));
        assert_eq!(row.seconds_left(11_000), None);
    }
}
