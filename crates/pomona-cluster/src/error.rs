//! What can go wrong between a client, its scheduler and the executors.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use thiserror::Error;

/// The error of a cluster, or of a query on it.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// What was given for a scheduler is no address.
    #[error("'{text}' is no scheduler: write df://HOST:PORT ({reason})")]
    InvalidScheduler {
        /// The text as it was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },

    /// Nobody answers at the scheduler's address.
    #[error(
        "no scheduler answers at {scheduler} ({reason}; tried for {seconds} s): \
         start one with 'pomona scheduler', or leave --scheduler out to compute here"
    )]
    SchedulerUnreachable {
        /// The scheduler's address.
        scheduler: String,
        /// How long it was tried.
        seconds: u64,
        /// Why the last attempt failed.
        reason: String,
    },

    /// A file of certificates cannot be used.
    #[error("'{}' is not what TLS needs there: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The scheduler does not take the query.
    #[error("the scheduler {scheduler} refuses the query: {reason}")]
    SubmissionRefused {
        /// The scheduler's address.
        scheduler: String,
        /// What it says.
        reason: String,
    },

    /// An expression of a query is a chain of too many terms.
    #[error(
        "a chain of {terms} terms with one operator is more than a cluster takes ({most}): \
         write a list, as in x IN (1, 2, 3), or join a table that holds the values"
    )]
    TooManyTerms {
        /// Its terms.
        terms: usize,
        /// The most that are taken.
        most: usize,
    },

    /// A query has too many operators and expressions inside one another.
    #[error(
        "the query has operators and expressions {levels} levels deep, and a cluster reads plans of \
         about 45: compute a part of it first, with CREATE TABLE … AS or COPY"
    )]
    TooDeep {
        /// Its levels.
        levels: usize,
    },

    /// A job failed on the cluster.
    #[error("{reason} (job {job} on the cluster)")]
    JobFailed {
        /// The scheduler's name of the job.
        job: String,
        /// What the cluster says.
        reason: String,
    },

    /// The rows of a finished job are gone with the executor that held them.
    #[error("the cluster lost the rows of the query: {reason}; run it again")]
    ResultLost {
        /// What happened to them.
        reason: String,
    },

    /// The scheduler has nobody to run a query.
    #[error(
        "no executor of {scheduler} lives, and none has come for {seconds} s: start one with \
         'pomona executor', or wait longer with SET pomona.executor_wait_seconds"
    )]
    NoExecutors {
        /// The scheduler's address.
        scheduler: String,
        /// How long the query has waited.
        seconds: u64,
    },

    /// The scheduler does not know a job.
    #[error("{scheduler} knows no job '{job}': 'pomona jobs' lists those that it remembers")]
    UnknownJob {
        /// The scheduler's address.
        scheduler: String,
        /// The job's name.
        job: String,
    },

    /// A job that was to be cancelled is over.
    #[error("job {job} has ended already")]
    JobHasEnded {
        /// The job's name.
        job: String,
    },

    /// The scheduler's answer is not one.
    #[error("{scheduler} does not answer as a scheduler of this version does: {reason}")]
    UnexpectedAnswer {
        /// The scheduler's address.
        scheduler: String,
        /// What is wrong with the answer.
        reason: String,
    },

    /// A part of a plan that came over the network cannot be read.
    #[error("a plan that cannot be read: {part}: {reason}")]
    MalformedPlan {
        /// The operator.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// The folder of jobs that have ended cannot be used.
    #[error("jobs cannot be kept in '{location}' (--history-dir): {reason}")]
    History {
        /// The folder.
        location: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A role cannot listen on its address.
    #[error("the {role} cannot listen on {address}: {reason}")]
    Bind {
        /// The role.
        role: &'static str,
        /// The address.
        address: String,
        /// What the operating system says.
        reason: String,
    },

    /// Nothing can be written to the folder for results between stages.
    #[error("nothing can be written to --work-dir '{}': {source}", folder.display())]
    WorkDir {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },

    /// A role's service failed.
    #[error("the {role} failed: {reason}")]
    Role {
        /// The role.
        role: &'static str,
        /// What Ballista says.
        reason: String,
    },
}

impl From<ClusterError> for DataFusionError {
    fn from(error: ClusterError) -> Self {
        Self::External(Box::new(error))
    }
}
