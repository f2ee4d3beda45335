//! With adaptive planning, a job whose first stage is complete hangs when an executor is lost.

use anyhow::Result;
use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;
use pomona_cluster::{Cluster, SchedulerAddress, cluster_context};
use pomona_session::RuntimeOptions;

const OPTION: &str = "ballista.planner.adaptive.enabled";

fn value(config: &SessionConfig) -> Option<String> {
    let mut entries = config.options().entries().into_iter();
    entries.find(|entry| entry.key == OPTION)?.value
}

/// `cluster::faults` kills executors in every query and after it.
#[test]
fn jobs_are_planned_as_a_whole() -> Result<()> {
    let ballistas = SessionConfig::new_with_ballista();
    assert_eq!(value(&ballistas).as_deref(), Some("true"));
    let nowhere = Cluster::new(SchedulerAddress::new("127.0.0.1", 1), None);
    let ours = cluster_context(RuntimeOptions::default(), nowhere)?;
    assert_eq!(value(ours.state().config()).as_deref(), Some("false"));
    Ok(())
}
