//! [`name_jobs`]: names for those who list a cluster's jobs.

use ballista_core::config::{BALLISTA_JOB_NAME, BallistaConfig};
use datafusion::prelude::SessionContext;

/// Names the jobs of the queries that are planned from now on, as `SET ballista.job.name` does; no
/// name is an empty one. The queries of a session in one process are no jobs, and have none.
pub fn name_jobs(ctx: &SessionContext, name: &str) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    if options.extensions.get::<BallistaConfig>().is_some() {
        let named = options.set(BALLISTA_JOB_NAME, name);
        named.expect("any text is a name");
    }
}
