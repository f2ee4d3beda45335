//! What can go wrong while a session reaches its storage or its cluster.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use thiserror::Error;

/// The error of a session that cannot reach its storage or its cluster.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The URL has a scheme that no store serves.
    #[error(
        "no object store for '{url}': Pomona reads and writes local paths, file:// and s3:// URLs"
    )]
    UnknownScheme {
        /// The URL as it was given.
        url: String,
    },

    /// An `s3://` URL without a bucket.
    #[error("'{url}' names no bucket: write s3://BUCKET/PREFIX/")]
    NoBucket {
        /// The URL as it was given.
        url: String,
    },

    /// The credentials chain came to its end without credentials.
    #[error(
        "no AWS credentials for s3://{bucket}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         or AWS_PROFILE, or run on an instance with a role; \
         set AWS_SKIP_SIGNATURE=true for a public bucket ({reason})"
    )]
    NoCredentials {
        /// The bucket that was to be reached.
        bucket: String,
        /// What the credentials chain says.
        reason: String,
    },

    /// A variable of the environment has a value that it cannot have.
    #[error("{name} is '{value}', but must be {expected}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },

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
    #[error("{scheduler} knows no job '{job}': 'pomona jobs' lists those of the last hour")]
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

    /// A role cannot listen where it was told to.
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

/// What an error says to a person: the innermost error's words, without the engine's own
/// "External error:" and "IO error:" around Pomona's.
pub fn plain_message(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::External(inner) => inner.to_string(),
        DataFusionError::IoError(inner) => inner.to_string(),
        DataFusionError::ObjectStore(inner) => inner.to_string(),
        root => root.to_string(),
    }
}

impl From<SessionError> for DataFusionError {
    fn from(error: SessionError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<SessionError> for object_store::Error {
    fn from(error: SessionError) -> Self {
        Self::Generic {
            store: "S3",
            source: Box::new(error),
        }
    }
}
