//! [`name_jobs`]: names for those who list a cluster's jobs.

use datafusion::prelude::SessionContext;

use crate::configure;

/// The setting by which the session of a cluster names its jobs.
const JOB_NAME: &str = "ballista.job.name";

/// Names the jobs of the queries that are planned from now on; no name is an empty one.
///
/// The queries of a session in one process are no jobs: it has no such setting, and nothing
/// happens.
pub fn name_jobs(ctx: &SessionContext, name: &str) {
    let _ = configure(ctx, |options| options.set(JOB_NAME, name));
}
