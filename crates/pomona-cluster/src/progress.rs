//! [`Progress`]: how far a job is, and whether anybody works on it.

use std::time::{Duration, Instant};

use datafusion::physical_plan::metrics::Count;
use tokio::time::sleep;

use super::api::SchedulerApi;
use super::location::Cluster;
use crate::ClusterError;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_millis(500);

/// Asks a scheduler for the progress of one job at a time.
#[derive(Debug)]
pub(crate) struct Progress {
    cluster: Cluster,
    /// How long a cluster may be without an executor.
    patience: Duration,
    rows_handled: Count,
}

impl Progress {
    pub(crate) fn new(cluster: Cluster, patience_seconds: u64, rows_handled: Count) -> Self {
        Self {
            cluster,
            patience: Duration::from_secs(patience_seconds),
            rows_handled,
        }
    }

    /// Counts the rows that a job has handled, until this is dropped. A scheduler that does not
    /// answer is no concern of the count.
    ///
    /// Gives [`ClusterError::NoExecutors`] when the cluster has been without one for too long.
    pub(crate) async fn watch(&self, job: &str) -> ClusterError {
        // Small queries end before the first question, and need no client to ask it.
        sleep(INTERVAL).await;
        let api = SchedulerApi::new(self.cluster.clone());
        let mut deserted_since = None;
        loop {
            match api.executors().await {
                Ok(executors) if executors.is_empty() => {
                    let since = *deserted_since.get_or_insert_with(|| {
                        log::warn!(
                            "{} has no executor: job {job} waits for one, {} s at most",
                            self.cluster,
                            self.patience.as_secs()
                        );
                        Instant::now()
                    });
                    if since.elapsed() >= self.patience {
                        return ClusterError::NoExecutors {
                            scheduler: self.cluster.to_string(),
                            seconds: since.elapsed().as_secs(),
                        };
                    }
                }
                Ok(executors) => {
                    if deserted_since.take().is_some() {
                        log::warn!("{} has {} executors again", self.cluster, executors.len());
                    }
                }
                Err(error) => log::debug!("{error}"),
            }
            if let Ok(stages) = api.stages(job).await {
                // Later stages read the results of earlier ones, never more rows.
                let handled = stages.iter().map(|stage| stage.input_rows).max();
                let counted = self.rows_handled.value();
                self.rows_handled
                    .add(handled.unwrap_or(0).saturating_sub(counted));
            }
            sleep(INTERVAL).await;
        }
    }
}
