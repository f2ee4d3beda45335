//! Ballista's upgrade of a session replaces its functions, ours among them.

use anyhow::Result;
use ballista_core::extension::SessionStateExt;
use datafusion::execution::FunctionRegistry;
use datafusion::prelude::SessionContext;
use pomona_cluster::{Cluster, SchedulerAddress, cluster_context};
use pomona_session::{RuntimeOptions, session_context};

fn functions(ctx: &SessionContext) -> Vec<String> {
    let mut names: Vec<String> = ctx.udfs().into_iter().chain(ctx.udafs()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_upgraded_session_has_lost_ours() -> Result<()> {
    let ours = session_context(RuntimeOptions::default())?;
    let upgraded = ours
        .state()
        .upgrade_for_ballista("http://127.0.0.1:1".to_string())?;
    assert!(upgraded.udf("mobilenet_v2").is_err());
    Ok(())
}

#[tokio::test]
async fn a_session_on_a_cluster_has_the_functions_of_a_local_one() -> Result<()> {
    let local = session_context(RuntimeOptions::default())?;
    let nowhere = Cluster::new(SchedulerAddress::new("127.0.0.1", 1), None);
    let remote = cluster_context(RuntimeOptions::default(), nowhere)?;
    assert_eq!(functions(&remote), functions(&local));
    assert!(functions(&remote).contains(&"pca_fit".to_string()));
    Ok(())
}
