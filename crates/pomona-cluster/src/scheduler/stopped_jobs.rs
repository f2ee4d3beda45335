//! [`StoppedJobs`]: why the scheduler ended jobs by itself.
//!
//! Ballista knows two ends besides a task's failure: a cancellation, whose reason is "Cancelled", and
//! the loss of all executors. A job that Pomona ends is cancelled, and its reason kept here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ballista_core::JobId;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::{FailedJob, JobStatus};

#[derive(Debug, Default)]
pub(crate) struct StoppedJobs(Mutex<HashMap<JobId, String>>);

impl StoppedJobs {
    /// Keeps the reason of a job's end; false if it has one already.
    pub(super) fn stop(&self, job: &JobId, reason: String) -> bool {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !reasons.contains_key(job);
        if is_new {
            reasons.insert(job.clone(), reason);
        }
        is_new
    }

    pub(crate) fn reason(&self, job: &JobId) -> Option<String> {
        let reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.get(job).cloned()
    }

    pub(super) fn forget(&self, job: &JobId) {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.remove(job);
    }

    /// The status with the reason in it. Between the decision and the end of the cancellation Ballista
    /// says that the job runs, or that it was cancelled.
    pub(super) fn as_failed(&self, mut status: JobStatus) -> JobStatus {
        let Some(reason) = self.reason(&JobId::from(status.job_id.as_str())) else {
            return status;
        };
        match &mut status.status {
            Some(Status::Failed(failed)) => failed.error = reason,
            Some(Status::Running(running)) => {
                status.status = Some(Status::Failed(FailedJob {
                    error: reason,
                    queued_at: running.queued_at,
                    started_at: running.started_at,
                    ended_at: running.started_at,
                }));
            }
            _ => {}
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::{RunningJob, SuccessfulJob};

    use super::*;

    fn status(status: Status) -> JobStatus {
        JobStatus {
            job_id: "a".to_string(),
            job_name: String::new(),
            status: Some(status),
        }
    }

    fn error(status: JobStatus) -> Option<String> {
        match status.status {
            Some(Status::Failed(failed)) => Some(failed.error),
            _ => None,
        }
    }

    #[test]
    fn a_job_that_was_stopped_has_failed_for_that_reason() {
        let stopped = StoppedJobs::default();
        let job = JobId::from("a");
        let running = || status(Status::Running(RunningJob::default()));
        assert_eq!(error(stopped.as_failed(running())), None);
        assert!(stopped.stop(&job, "it is too large".to_string()));
        assert!(!stopped.stop(&job, "another".to_string()));
        assert_eq!(
            error(stopped.as_failed(running())).unwrap(),
            "it is too large"
        );
        let cancelled = status(Status::Failed(FailedJob {
            error: "Cancelled".to_string(),
            ..FailedJob::default()
        }));
        assert_eq!(
            error(stopped.as_failed(cancelled)).unwrap(),
            "it is too large"
        );
        // One that came to its end before it was cancelled has its rows.
        let done = status(Status::Successful(SuccessfulJob::default()));
        assert_eq!(error(stopped.as_failed(done)), None);
        stopped.forget(&job);
        assert_eq!(error(stopped.as_failed(running())), None);
    }
}
