//! [`Job`]: a plan that the scheduler has accepted.

use std::error::Error;
use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams,
    GetJobStatusResult, KeyValuePair, PartitionLocation, execute_query_result, job_status,
};
use ballista_core::version::insert_version_header;
use tokio::time::sleep;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use super::cancellation::{Live, spawn};
use super::connection::{SchedulerClient, connect, innermost};
use super::location::Cluster;
use super::plain_errors::plain_reason;
use super::sql_header::put_sql;
use crate::ClusterError;

/// How long a new query waits for the scheduler.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a running query waits for a scheduler that went away, which may be starting again.
const PATIENCE_WITH_LOST: Duration = Duration::from_secs(120);

/// A scheduler that does not know a job for so long has lost it.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);

/// The pauses between two questions for a job's status: a quarter of the time that it has taken, within
/// these bounds, so that no query waits much longer than it takes.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How a scheduler's reason begins for a job whose client did not ask for it for so long that it seemed
/// to be gone.
pub(crate) const ABANDONED: &str = "its client has not asked for it for";

/// How the wait for a job ended, unless well.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The scheduler does not know the job any more: it was started again. Or it took the client for
    /// gone, which was suspended.
    Lost,
    /// The job failed, or the scheduler cannot be reached.
    Failed(ClusterError),
}

/// A job of a cluster. When this is dropped before its end the job is cancelled, and after its end the
/// executors remove its rows.
pub(crate) struct Job {
    id: String,
    cluster: Cluster,
    client: SchedulerClient,
    has_ended: bool,
    /// Whether executors hold rows of it.
    has_rows: bool,
    /// Dropped after the cancellation is under way.
    _live: Live,
}

impl Job {
    /// Submits an encoded physical plan, with the SQL that it was made of.
    ///
    /// # Errors
    /// When the scheduler cannot be reached, or refuses the plan.
    pub(crate) async fn submit(
        cluster: &Cluster,
        session_id: &str,
        plan: Vec<u8>,
        settings: Vec<KeyValuePair>,
        sql: Option<&str>,
        is_again: bool,
    ) -> Result<Self, ClusterError> {
        let patience = if is_again {
            PATIENCE_WITH_LOST
        } else {
            PATIENCE
        };
        let client = connect(cluster, patience).await?;
        let mut request = Request::new(ExecuteQueryParams {
            settings,
            session_id: session_id.to_string(),
            operation_id: Uuid::new_v4().to_string(),
            query: Some(Query::PhysicalPlan(plan)),
        });
        insert_version_header(request.metadata_mut());
        if let Some(sql) = sql {
            put_sql(request.metadata_mut(), sql);
        }
        // Whoever waits for the answer may stop waiting when the scheduler has the plan already. The
        // task goes on, and drops the job that nobody takes.
        let submission = Self::accepted(cluster.clone(), client, request, Live::new());
        match tokio::spawn(submission).await {
            Ok(submitted) => submitted,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// The job that the scheduler makes of a request.
    async fn accepted(
        cluster: Cluster,
        mut client: SchedulerClient,
        request: Request<ExecuteQueryParams>,
        live: Live,
    ) -> Result<Self, ClusterError> {
        let refused = |reason: String| ClusterError::SubmissionRefused {
            scheduler: cluster.to_string(),
            reason,
        };
        let response = client.execute_query(request).await;
        let result = response
            .map_err(|status| match is_transport(&status) {
                true => ClusterError::SchedulerUnreachable {
                    scheduler: cluster.to_string(),
                    seconds: 0,
                    reason: innermost(&status),
                },
                false => refused(status.message().to_string()),
            })?
            .into_inner()
            .result;
        match result {
            Some(execute_query_result::Result::Success(accepted)) => Ok(Self {
                id: accepted.job_id,
                cluster,
                client,
                has_ended: false,
                has_rows: false,
                _live: live,
            }),
            Some(execute_query_result::Result::Failure(failure)) => {
                Err(refused(format!("{:?}", failure.failure)))
            }
            None => Err(refused("it gave no answer".to_string())),
        }
    }

    /// The scheduler's name of the job.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Waits for the end of the job, and gives where its rows are.
    pub(crate) async fn completed(&mut self) -> Result<Vec<PartitionLocation>, Ended> {
        let begun = Instant::now();
        let mut unknown_since = None;
        loop {
            match self.status().await? {
                Some(job_status::Status::Successful(job)) => {
                    self.has_ended = true;
                    self.has_rows = true;
                    return Ok(job.partition_location);
                }
                Some(job_status::Status::Failed(job)) if job.error.starts_with(ABANDONED) => {
                    self.has_ended = true;
                    return Err(Ended::Lost);
                }
                Some(job_status::Status::Failed(job)) => {
                    self.has_ended = true;
                    return Err(Ended::Failed(ClusterError::JobFailed {
                        job: self.id.clone(),
                        reason: plain_reason(&job.error),
                    }));
                }
                Some(_) => unknown_since = None,
                None => {
                    let since = unknown_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= UNKNOWN_LIMIT {
                        self.has_ended = true;
                        return Err(Ended::Lost);
                    }
                }
            }
            sleep((begun.elapsed() / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        }
    }

    /// The job's status, from a new connection where the old one broke; `None` if the scheduler
    /// does not know the job.
    async fn status(&mut self) -> Result<Option<job_status::Status>, Ended> {
        loop {
            let params = GetJobStatusParams {
                job_id: self.id.clone(),
            };
            match self.client.get_job_status(params).await {
                Ok(response) => {
                    let GetJobStatusResult { status, .. } = response.into_inner();
                    return Ok(status.and_then(|status| status.status));
                }
                Err(status) if is_transport(&status) => {
                    log::warn!("the scheduler does not answer: {}", status.message());
                    self.client =
                        connect(&self.cluster, PATIENCE_WITH_LOST)
                            .await
                            .map_err(|error| {
                                self.has_ended = true;
                                Ended::Failed(error)
                            })?;
                }
                // Asked for a job that it does not have in memory, it fails to load it.
                Err(_) => return Ok(None),
            }
        }
    }
}

/// Whether the request did not reach a scheduler, or its answer did not reach us.
fn is_transport(status: &Status) -> bool {
    let codes = [
        Code::Unavailable,
        Code::Unknown,
        Code::Cancelled,
        Code::DeadlineExceeded,
    ];
    // What a scheduler answers has no cause here.
    status.source().is_some() || codes.contains(&status.code())
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.has_ended && !self.has_rows {
            return;
        }
        let has_rows = self.has_rows;
        let mut client = self.client.clone();
        let job_id = self.id.clone();
        // A cluster of this process lives until it has heard of it.
        let cluster = self.cluster.clone();
        spawn(async move {
            if has_rows {
                let params = CleanJobDataParams {
                    job_id,
                    ..CleanJobDataParams::default()
                };
                // Executors remove them after some minutes in any case.
                if let Err(status) = client.clean_job_data(params).await {
                    log::debug!("rows stay on {cluster}: {}", status.message());
                }
                return;
            }
            let params = CancelJobParams {
                job_id: job_id.clone(),
            };
            if let Err(status) = client.cancel_job(params).await {
                log::warn!(
                    "job {job_id} could not be cancelled on {cluster}: {}",
                    status.message()
                );
            }
        });
    }
}
