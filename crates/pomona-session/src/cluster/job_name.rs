//! [`name_jobs`]: names for those who list a cluster's jobs.

use ballista_core::config::{BALLISTA_JOB_NAME, BallistaConfig};
use datafusion::prelude::SessionContext;

use crate::configure;

/// Names the jobs of the queries that are planned from now on, as `SET ballista.job.name` does; no
/// name is an empty one. The queries of a session in one process are no jobs, and have none.
pub fn name_jobs(ctx: &SessionContext, name: &str) {
    let named = configure(ctx, |options| {
        match options.extensions.get::<BallistaConfig>() {
            Some(_) => options.set(BALLISTA_JOB_NAME, name),
            None => Ok(()),
        }
    });
    named.expect("any text is a name");
}
