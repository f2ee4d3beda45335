//! [`SchedulerApi`]: a scheduler's jobs and executors, over REST.

use std::time::Duration;

use ballista_api_types::dto::QueryStagesResponse;
pub use ballista_api_types::dto::{JobResponse, QueryStageSummary, TaskStatus, TaskSummary};
pub use pomona_console::{Job as KeptJobDetails, JobRow as KeptJob, JobState};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::innermost;
use super::location::Cluster;
use super::plain_errors::plain_reason;
use crate::ClusterError;

/// An answer takes milliseconds; a scheduler that takes longer does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An executor that the scheduler knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExecutorInfo {
    /// Its name.
    pub id: String,
    /// The host that results are fetched from.
    pub host: String,
    /// The port that results are fetched from.
    pub port: u16,
    specification: Specification,
}

impl ExecutorInfo {
    /// The tasks that it runs at the same time.
    pub fn vcores(&self) -> u32 {
        self.specification.vcores
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Specification {
    vcores: u32,
}

/// A job whose status has the words of its error, and nothing that is for programs.
fn in_plain_words(job: JobResponse) -> JobResponse {
    let job_status = match job.job_status.strip_prefix("Failed: ") {
        Some(reason) => format!("Failed: {}", plain_reason(reason).trim_end()),
        None => job.job_status,
    };
    JobResponse { job_status, ..job }
}

/// A client of a scheduler's REST API.
#[derive(Debug, Clone)]
pub struct SchedulerApi {
    cluster: Cluster,
    client: Client,
}

impl SchedulerApi {
    /// A client of a cluster's scheduler. Nothing is sent yet.
    pub fn new(cluster: Cluster) -> Self {
        let builder = Client::builder().timeout(TIMEOUT).no_proxy();
        let client = match cluster.tls() {
            None => builder.build(),
            Some(tls) => tls.rest_client(builder).and_then(|builder| builder.build()),
        };
        Self {
            cluster,
            client: client.expect("certificates were read without an error before"),
        }
    }

    /// The executors that live.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    pub async fn executors(&self) -> Result<Vec<ExecutorInfo>, ClusterError> {
        self.get("/api/executors", "executors").await
    }

    /// The jobs of the last hour, in no order.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    pub async fn jobs(&self) -> Result<Vec<JobResponse>, ClusterError> {
        let jobs: Vec<JobResponse> = self.get("/api/jobs", "jobs").await?;
        Ok(jobs.into_iter().map(in_plain_words).collect())
    }

    /// One job, with its plans. One that is not planned yet, or could not be planned, has neither plans nor stages.
    ///
    /// # Errors
    /// When the scheduler does not answer, or does not know the job.
    pub async fn job(&self, id: &str) -> Result<JobResponse, ClusterError> {
        match self.get(&format!("/api/job/{id}"), id).await {
            // Ballista answers so for each job without a plan.
            Err(unknown @ ClusterError::UnknownJob { .. }) => {
                let mut listed = self.jobs().await?.into_iter();
                listed.find(|job| job.job_id == id).ok_or(unknown)
            }
            answer => answer.map(in_plain_words),
        }
    }

    /// The stages of a job, each with its tasks.
    ///
    /// # Errors
    /// When the scheduler does not answer, or does not know the job.
    pub async fn stages(&self, id: &str) -> Result<Vec<QueryStageSummary>, ClusterError> {
        let stages: QueryStagesResponse = self.get(&format!("/api/job/{id}/stages"), id).await?;
        Ok(stages.stages)
    }

    /// The jobs that the scheduler keeps in its history, in no order; none where it has no history.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    pub async fn kept_jobs(&self) -> Result<Vec<KeptJob>, ClusterError> {
        match self.get("/api/history", "history").await {
            // A scheduler of an earlier version.
            Err(ClusterError::UnknownJob { .. }) => Ok(vec![]),
            kept => kept,
        }
    }

    /// One job of the history, with its stages and plans.
    ///
    /// # Errors
    /// When the scheduler does not answer, or does not keep the job.
    pub async fn kept_job(&self, id: &str) -> Result<KeptJobDetails, ClusterError> {
        self.get(&format!("/api/history/{id}"), id).await
    }

    /// Cancels a job. False if it had ended before.
    ///
    /// # Errors
    /// When the scheduler does not answer, or does not know the job.
    pub async fn cancel(&self, id: &str) -> Result<bool, ClusterError> {
        let path = format!("/api/job/{id}");
        match self.ask(Method::PATCH, &path, id).await {
            Ok(_) => Ok(true),
            Err(ClusterError::JobHasEnded { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, ClusterError> {
        let body = self.ask(Method::GET, path, what).await?;
        serde_json::from_str(&body).map_err(|error| self.unexpected(error.to_string()))
    }

    async fn ask(&self, method: Method, path: &str, what: &str) -> Result<String, ClusterError> {
        let url = match self.cluster.tls() {
            None => format!("{}{path}", self.cluster.scheduler().http()),
            Some(_) => format!("{}{path}", self.cluster.scheduler().https()),
        };
        let unreachable = |error: reqwest::Error| ClusterError::SchedulerUnreachable {
            scheduler: self.cluster.to_string(),
            seconds: 0,
            reason: innermost(&error),
        };
        let request = self.client.request(method, url);
        let response = request.send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::NOT_FOUND => Err(ClusterError::UnknownJob {
                scheduler: self.cluster.to_string(),
                job: what.to_string(),
            }),
            StatusCode::CONFLICT => Err(ClusterError::JobHasEnded {
                job: what.to_string(),
            }),
            status if status.is_success() => response.text().await.map_err(unreachable),
            status => Err(self.unexpected(format!("it answers {path} with {status}"))),
        }
    }

    fn unexpected(&self, reason: String) -> ClusterError {
        ClusterError::UnexpectedAnswer {
            scheduler: self.cluster.to_string(),
            reason,
        }
    }
}
