//! [`FinishedJobs`]: the jobs that a scheduler knows, of which the finished ones are bounded.
//!
//! Ballista keeps a finished job, plans and metrics included, for an hour. That is half a megabyte a
//! small query, and the whole listing of a large one.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::JobStatus;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::{JobId, JobStatusSubscriber};
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::cluster::{JobState, JobStateEventStream};
use ballista_scheduler::state::execution_graph::{ExecutionGraph, ExecutionGraphBox};
use datafusion::prelude::{SessionConfig, SessionContext};
use pomona_console::{Job, JobRow};

use super::job_size::approximate_bytes;
use super::stopped_jobs::StoppedJobs;
use crate::console::{History, JobBook, OperatorsOf, job as job_of};

/// How many finished jobs are remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) jobs: usize,
    pub(super) bytes: usize,
}

/// Ballista's jobs in memory. Beyond the limits the job that finished first is forgotten.
pub(super) struct FinishedJobs {
    jobs: InMemoryJobState,
    limits: Limits,
    finished: Mutex<Finished>,
    stopped: Arc<StoppedJobs>,
    /// What is noted about jobs for the scheduler's pages.
    book: Arc<JobBook>,
    /// Where jobs are kept when they are forgotten here.
    history: Option<Arc<History>>,
}

/// Finished jobs, the oldest first, each with its approximate size.
#[derive(Debug, Default)]
struct Finished {
    jobs: VecDeque<(JobId, usize)>,
    bytes: usize,
}

impl Finished {
    /// Adds a job, and returns those that are beyond the limits. The newest is never one of them: its
    /// client has yet to ask for it.
    fn add(&mut self, job: JobId, bytes: usize, limits: Limits) -> Vec<JobId> {
        self.remove(&job);
        self.jobs.push_back((job, bytes));
        self.bytes += bytes;
        let mut beyond = vec![];
        while self.jobs.len() > 1
            && (self.jobs.len() > limits.jobs || self.bytes > limits.bytes)
            && let Some((job, bytes)) = self.jobs.pop_front()
        {
            self.bytes -= bytes;
            beyond.push(job);
        }
        beyond
    }

    /// Removes a job; false if it is not there.
    fn remove(&mut self, job: &JobId) -> bool {
        let place = self.jobs.iter().position(|(known, _)| known == job);
        let removed = place.and_then(|place| self.jobs.remove(place));
        self.bytes -= removed.as_ref().map_or(0, |(_, bytes)| *bytes);
        removed.is_some()
    }
}

impl FinishedJobs {
    pub(super) fn new(
        jobs: InMemoryJobState,
        limits: Limits,
        stopped: Arc<StoppedJobs>,
        book: Arc<JobBook>,
        history: Option<Arc<History>>,
    ) -> Self {
        Self {
            jobs,
            limits,
            finished: Mutex::default(),
            stopped,
            book,
            history,
        }
    }

    /// Notes a job that has ended for the scheduler's pages.
    fn ended(&self, job: &JobId, graph: &dyn ExecutionGraph) {
        self.book.ended(job, graph);
        if let Some(history) = &self.history {
            history.keep(job_of(graph, OperatorsOf::All));
        }
    }

    async fn finished(&self, job: &JobId, bytes: usize) -> Result<()> {
        let beyond = {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.add(job.clone(), bytes, self.limits)
        };
        for job in beyond {
            log::debug!("job {job} is forgotten: too many finished jobs, or too large ones");
            self.stopped.forget(&job);
            self.book.forget(&job);
            self.jobs.remove_job(&job).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl JobState for FinishedJobs {
    fn accept_job(&self, job: &JobId, name: &str, queued_at: u64) -> Result<()> {
        self.book.accepted(job, name, queued_at);
        self.jobs.accept_job(job, name, queued_at)
    }

    fn pending_job_number(&self) -> usize {
        self.jobs.pending_job_number()
    }

    async fn submit_job(
        &self,
        job: JobId,
        graph: &ExecutionGraphBox,
        subscriber: Option<JobStatusSubscriber>,
    ) -> Result<()> {
        let id = job.clone();
        self.jobs.submit_job(job, graph, subscriber).await?;
        self.book.started(&id);
        Ok(())
    }

    async fn get_jobs(&self) -> Result<HashSet<JobId>> {
        self.jobs.get_jobs().await
    }

    async fn get_all_jobs(&self) -> Result<HashSet<JobId>> {
        self.jobs.get_all_jobs().await
    }

    async fn get_job_status(&self, job: &JobId) -> Result<Option<JobStatus>> {
        self.jobs.get_job_status(job).await
    }

    async fn get_execution_graph(&self, job: &JobId) -> Result<Option<ExecutionGraphBox>> {
        self.jobs.get_execution_graph(job).await
    }

    async fn save_job(&self, job: &JobId, graph: &ExecutionGraphBox) -> Result<()> {
        match (&graph.status().status, self.stopped.reason(job)) {
            (Some(Status::Failed(_)), Some(reason)) => {
                let mut stopped = graph.cloned();
                stopped.fail_job(reason);
                self.jobs.save_job(job, &stopped).await?;
                self.ended(job, &*stopped);
            }
            (Some(Status::Successful(_) | Status::Failed(_)), _) => {
                self.jobs.save_job(job, graph).await?;
                self.ended(job, &**graph);
            }
            _ => self.jobs.save_job(job, graph).await?,
        }
        match &graph.status().status {
            Some(Status::Successful(_) | Status::Failed(_)) => {
                self.finished(job, approximate_bytes(graph)).await
            }
            _ => Ok(()),
        }
    }

    async fn fail_unscheduled_job(&self, job: &JobId, reason: String) -> Result<()> {
        let bytes = reason.len();
        self.book.not_planned(job, &reason);
        if let (Some(history), Some(row)) = (&self.history, self.book.row(job)) {
            history.keep(Job {
                row: JobRow::clone(&row),
                ..Job::default()
            });
        }
        self.jobs.fail_unscheduled_job(job, reason).await?;
        self.finished(job, bytes).await
    }

    /// Ballista asks for it when a job is old, whether it is still remembered or not.
    async fn remove_job(&self, job: &JobId) -> Result<()> {
        let is_known = {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.remove(job)
        };
        if is_known {
            self.stopped.forget(job);
            self.book.forget(job);
            self.jobs.remove_job(job).await?;
        }
        Ok(())
    }

    async fn try_acquire_job(&self, job: &JobId) -> Result<Option<ExecutionGraphBox>> {
        self.jobs.try_acquire_job(job).await
    }

    async fn job_state_events(&self) -> Result<JobStateEventStream> {
        self.jobs.job_state_events().await
    }

    async fn create_or_update_session(
        &self,
        session_id: &str,
        config: &SessionConfig,
    ) -> Result<Arc<SessionContext>> {
        self.jobs.create_or_update_session(session_id, config).await
    }

    async fn remove_session(&self, session_id: &str) -> Result<()> {
        self.jobs.remove_session(session_id).await
    }

    fn produce_config(&self) -> SessionConfig {
        self.jobs.produce_config()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(finished: &mut Finished, job: &str, bytes: usize) -> Vec<String> {
        let limits = Limits {
            jobs: 3,
            bytes: 100,
        };
        let beyond = finished.add(JobId::from(job), bytes, limits);
        beyond.into_iter().map(JobId::into_inner).collect()
    }

    #[test]
    fn the_oldest_jobs_go_by_number_and_by_bytes() {
        let mut finished = Finished::default();
        for job in ["a", "b", "c"] {
            assert!(add(&mut finished, job, 10).is_empty());
        }
        assert_eq!(add(&mut finished, "d", 10), ["a"]);
        assert_eq!(add(&mut finished, "e", 85), ["b", "c"]);
        assert_eq!(add(&mut finished, "f", 500), ["d", "e"]);
        assert_eq!((finished.jobs.len(), finished.bytes), (1, 500));
        assert!(finished.remove(&JobId::from("f")) && !finished.remove(&JobId::from("f")));
        assert_eq!((finished.jobs.len(), finished.bytes), (0, 0));
    }

    #[test]
    fn a_job_that_is_saved_twice_counts_once() {
        let mut finished = Finished::default();
        add(&mut finished, "a", 10);
        add(&mut finished, "a", 20);
        assert_eq!((finished.jobs.len(), finished.bytes), (1, 20));
    }
}
