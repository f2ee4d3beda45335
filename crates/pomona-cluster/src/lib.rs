//! The cluster: Ballista's scheduler and executors with Pomona's session inside, and the client.
//!
//! The client plans a query as it would for itself, listing included, and sends the *physical*
//! plan. So whatever a session can read (a table in memory, a folder listed a moment ago, options
//! of COPY) reaches the executors without a codec of its own: only Pomona's operators need one.
//!
//! ```text
//! ClusterPlanner     evaluates scalar subqueries, plans, and puts the operators below on top
//!   CommitExec         moves what was written below `_temporary/` to its folder
//!     ClusterQueryExec   submits the plan, waits, fetches the rows; submits again what was lost
//!       ParallelSinkExec   writes each partition from its executor, each attempt to its own folder
//! ```

mod address;
mod analyze;
mod api;
mod cancellation;
mod client;
mod client_json;
mod client_windows;
mod codec;
mod commit;
mod connection;
mod console;
mod engine;
mod error;
mod executor;
mod executor_metrics;
mod executor_service;
mod fetch;
mod job;
mod local_leaves;
mod location;
mod measured_source;
mod parallel_sink;
mod plain_errors;
mod plan_depth;
mod planner;
mod progress;
mod query;
mod role_metrics;
mod rules;
mod scheduler;
mod settings;
mod sink_folder;
mod sql_header;
mod standalone;
mod subqueries;
#[cfg(test)]
mod test_plans;
mod tls;
mod tls_front;
mod until_cancelled;
mod work_folder;

pub use address::SchedulerAddress;
pub use api::{
    ExecutorInfo, JobResponse, JobState, KeptJob, KeptJobDetails, QueryStageSummary, SchedulerApi,
    TaskStatus, TaskSummary,
};
pub use cancellation::cancellations;
pub use client::cluster_context;
pub use codec::PomonaCodec;
pub use console::{ConsoleAccess, ForwardOptions, HistoryOptions, RunPage, forward_console};
pub use error::ClusterError;
pub use executor::{ExecutorEnd, ExecutorOptions, run_executor};
pub use location::Cluster;
pub use role_metrics::add_s3_counts;
pub use scheduler::{SchedulerOptions, run_scheduler};
pub use tls::{Tls, TlsFiles};
