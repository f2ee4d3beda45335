//! [`JobGuard`]: ends jobs that nobody waits for, and jobs that kill executors.
//!
//! Ballista gives the tasks of a lost executor to the next one, without end: it cannot know whether the
//! machine failed or the task (apache/datafusion-ballista#663 asks for a policy). And a job whose client
//! is gone runs to its end, or for ever.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ballista_core::JobId;
use ballista_core::serde::protobuf::{RunningTask, task_status};
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use ballista_scheduler::state::task_manager::JobInfoCache;
use tokio::time::interval;

use super::Server;
use super::clients::Clients;
use super::stopped_jobs::StoppedJobs;
use crate::job::ABANDONED;

/// How often the guard looks for jobs whose clients are gone, at most.
const LOOK: Duration = Duration::from_secs(5);

/// Task number `.2` of stage `.1` of a job.
type Task = (JobId, usize, usize);

/// How often each partition of each stage was running on an executor that was lost.
type Losses = HashMap<(usize, usize), usize>;

/// Watches the jobs of a scheduler.
#[derive(Debug)]
pub(super) struct JobGuard {
    /// A job fails when one partition was running on so many executors that were lost; 0 is no limit.
    most_lost: usize,
    clients: Arc<Clients>,
    stopped: Arc<StoppedJobs>,
    /// Tasks that were sent to an executor that was gone already.
    undelivered: Mutex<HashMap<String, HashSet<Task>>>,
    losses: Mutex<HashMap<JobId, Losses>>,
    server: OnceLock<Weak<Server>>,
}

impl JobGuard {
    pub(super) fn new(
        most_lost: usize,
        client_timeout_seconds: u64,
        stopped: Arc<StoppedJobs>,
    ) -> Self {
        Self {
            most_lost,
            clients: Arc::new(Clients::new(client_timeout_seconds)),
            stopped,
            undelivered: Mutex::default(),
            losses: Mutex::default(),
            server: OnceLock::new(),
        }
    }

    /// Begins to watch the jobs of a server, until that is dropped.
    pub(super) fn watch(self: &Arc<Self>, server: &Arc<Server>) {
        let weak = Arc::downgrade(server);
        if self.server.set(weak.clone()).is_err() {
            return;
        }
        let Some(timeout) = self.clients.timeout() else {
            return;
        };
        let guard = Arc::clone(self);
        tokio::spawn(async move {
            let mut looks = interval(LOOK.min(timeout / 4));
            while let Some(server) = weak.upgrade() {
                guard.look_for_abandoned(&server).await;
                drop(server);
                looks.tick().await;
            }
        });
    }

    /// Who waits for the jobs.
    pub(super) fn clients(&self) -> &Arc<Clients> {
        &self.clients
    }

    /// The jobs that were ended here.
    pub(super) fn stopped(&self) -> &Arc<StoppedJobs> {
        &self.stopped
    }

    async fn look_for_abandoned(&self, server: &Server) {
        let running = server.state.task_manager.get_running_job_cache();
        for (job, silence) in self.clients.gone(|job| running.contains_key(job)) {
            let reason = format!("{ABANDONED} {} s", silence.as_secs());
            self.stop(server, &job, reason).await;
        }
    }

    /// Notes tasks that never came to an executor.
    pub(super) fn not_delivered(&self, executor: &str, tasks: impl IntoIterator<Item = Task>) {
        let mut all = self
            .undelivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.entry(executor.to_string()).or_default().extend(tasks);
    }

    /// Counts the partitions that an executor was running, before its tasks are given to others, and
    /// ends the jobs of those that were lost too often.
    pub(super) async fn executor_lost(&self, executor: &str) {
        let undelivered = {
            let mut all = self
                .undelivered
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.remove(executor).unwrap_or_default()
        };
        let server = self.server.get().and_then(Weak::upgrade);
        let Some(server) = server.filter(|_| self.most_lost > 0) else {
            return;
        };
        let jobs = server.state.task_manager.get_running_job_cache();
        self.forget_all_but(&jobs);
        for (job, cached) in jobs.iter() {
            let running = {
                let graph = cached.execution_graph.read().await;
                running_partitions(&**graph, executor, &undelivered)
            };
            if let Some((stage, partition)) = self.count(job, running) {
                let reason = format!(
                    "{} executors were lost while they ran partition {partition} of stage {stage} of this query: \
                     it needs more memory than they have, or it crashes them (their logs say which)",
                    self.most_lost
                );
                self.stop(&server, job, reason).await;
            }
        }
    }

    fn forget_all_but(&self, jobs: &HashMap<JobId, JobInfoCache>) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.retain(|job, _| jobs.contains_key(job));
    }

    /// Adds one loss to each partition, and returns one that has reached the limit.
    fn count(&self, job: &JobId, running: Vec<(usize, usize)>) -> Option<(usize, usize)> {
        if running.is_empty() {
            return None;
        }
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let losses = losses.entry(job.clone()).or_default();
        let mut beyond = None;
        for partition in running {
            let lost = losses.entry(partition).or_default();
            *lost += 1;
            if *lost >= self.most_lost {
                beyond = Some(partition);
            }
        }
        beyond
    }

    async fn stop(&self, server: &Server, job: &JobId, reason: String) {
        if !self.stopped.stop(job, reason.clone()) {
            return;
        }
        log::warn!("job {job} is stopped: {reason}");
        if let Err(error) = server.cancel_job(job.clone()).await {
            log::error!("job {job} cannot be cancelled: {error}");
        }
    }
}

/// The partitions, with their stages, of the tasks that came to an executor and have not ended.
fn running_partitions(
    graph: &dyn ExecutionGraph,
    executor: &str,
    undelivered: &HashSet<Task>,
) -> Vec<(usize, usize)> {
    let mut partitions = vec![];
    for (&stage_id, stage) in graph.stages() {
        let ExecutionStage::Running(stage) = stage else {
            continue;
        };
        for (task_id, task) in stage.task_infos.iter().enumerate() {
            let is_here = matches!(
                &task.task_status,
                task_status::Status::Running(RunningTask { executor_id }) if executor_id == executor
            );
            let key = (graph.job_id().clone(), stage_id, task_id);
            if is_here && !undelivered.contains(&key) {
                let inputs = task.global_input_partition_ids.iter();
                partitions.extend(inputs.map(|&partition| (stage_id, partition)));
            }
        }
    }
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_partition_that_is_lost_too_often_is_found() {
        let guard = JobGuard::new(3, 0, Arc::default());
        let job = JobId::from("a");
        assert_eq!(guard.count(&job, vec![(1, 0), (1, 1)]), None);
        assert_eq!(guard.count(&job, vec![(1, 2), (1, 1)]), None);
        // The same numbers of another stage and of another job are other partitions.
        assert_eq!(guard.count(&job, vec![(2, 1)]), None);
        assert_eq!(guard.count(&JobId::from("b"), vec![(1, 1)]), None);
        assert_eq!(guard.count(&job, vec![(1, 1), (1, 3)]), Some((1, 1)));
    }
}
