//! [`Clients`]: when the clients of jobs last asked for them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballista_core::JobId;

/// Who waits for the jobs of a scheduler.
#[derive(Debug)]
pub(super) struct Clients {
    /// How long a job runs on without a question from its client; `None` is no limit.
    timeout: Option<Duration>,
    asked: Mutex<HashMap<JobId, Instant>>,
}

impl Clients {
    /// Clients that ask at least once in so many seconds; 0 is no limit.
    pub(super) fn new(timeout_seconds: u64) -> Self {
        Self {
            timeout: (timeout_seconds > 0).then(|| Duration::from_secs(timeout_seconds)),
            asked: Mutex::default(),
        }
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// A client has asked for its job.
    pub(super) fn asked_for(&self, job: &JobId) {
        if self.timeout.is_none() {
            return;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(job.clone(), Instant::now());
    }

    /// The jobs for which nobody has asked for too long, with the time since the last question.
    pub(super) fn gone(&self, is_running: impl Fn(&JobId) -> bool) -> Vec<(JobId, Duration)> {
        let Some(timeout) = self.timeout else {
            return vec![];
        };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is not running yet, or any more, needs no entry when its time is over.
        asked.retain(|job, last| is_running(job) || last.elapsed() < timeout);
        let late = asked.iter().filter(|(_, last)| last.elapsed() >= timeout);
        late.map(|(job, last)| (job.clone(), last.elapsed()))
            .collect()
    }
}
