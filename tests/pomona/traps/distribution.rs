//! By default the scheduler may give all partitions of a stage to one executor.

use anyhow::Result;
use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;
use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::images;

use crate::engine::{cluster_session, image_table, query};

#[tokio::test(flavor = "multi_thread")]
async fn every_executor_gets_tasks() -> Result<()> {
    let default = SessionConfig::new_with_ballista();
    let entries = default.options().entries();
    let most = entries
        .iter()
        .find(|entry| entry.key == "ballista.scheduler.max_partitions_per_task");
    assert_eq!(most.and_then(|entry| entry.value.as_deref()), Some("0"));

    let cluster = Cluster::start(ClusterOptions::new())?;
    let ctx = cluster_session(&cluster, "")?;
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["Kiwi"], 32);
    image_table(&ctx, folder.path()).await?;
    query(&ctx, "SELECT image_info(content) FROM images").await?;
    for executor in ["executor-0", "executor-1"] {
        let log = cluster.log(executor);
        let tasks = log.matches("Finished task").count();
        assert!(tasks > 0, "{executor} has run none of 16 tasks");
    }
    Ok(())
}
