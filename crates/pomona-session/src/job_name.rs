//! [`name_jobs`]: names of jobs in the list of a cluster's jobs.

use datafusion::prelude::SessionContext;

use crate::configure;

/// The option of a cluster's session that names its jobs.
const JOB_NAME: &str = "ballista.job.name";

/// Names the jobs of the queries that are planned from now on; an empty name removes it.
///
/// Does nothing in a session in one process, whose queries are no jobs.
pub fn name_jobs(ctx: &SessionContext, name: &str) {
    let _ = configure(ctx, |options| options.set(JOB_NAME, name));
}
