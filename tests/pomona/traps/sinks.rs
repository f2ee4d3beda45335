//! COPY into a folder is planned as one task that writes everything.

use anyhow::Result;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use pomona_cluster::{Cluster, SchedulerAddress};
use pomona_tests::images;
use tempfile::TempDir;

use crate::engine::{image_table, local_session, remote_session, set};

async fn plan(ctx: &SessionContext) -> Result<String> {
    let folder = TempDir::new()?;
    images::write_folder(&folder.path().join("in"), &["Kiwi"], 8);
    set(ctx, "datafusion.execution.target_partitions", "4")?;
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    image_table(ctx, &input).await?;
    let copy = format!(
        "COPY (SELECT path, image_info(content) FROM images) TO '{}/' STORED AS PARQUET",
        output.display()
    );
    let plan = ctx.sql(&copy).await?.create_physical_plan().await?;
    Ok(displayable(plan.as_ref()).indent(false).to_string())
}

#[tokio::test]
async fn datafusion_merges_before_it_writes() -> Result<()> {
    let plan = plan(&local_session("")?).await?;
    assert!(
        plan.contains("CoalescePartitionsExec") || plan.contains("SortPreservingMergeExec"),
        "{plan}"
    );
    Ok(())
}

/// `cluster::sink` looks at the files.
#[tokio::test]
async fn every_task_of_ours_writes() -> Result<()> {
    let nowhere = Cluster::new(SchedulerAddress::new("127.0.0.1", 1), None);
    let plan = plan(&remote_session(nowhere, "")?).await?;
    assert!(plan.contains("ParallelSinkExec"), "{plan}");
    assert!(!plan.contains("CoalescePartitionsExec"), "{plan}");
    assert!(!plan.contains("SortPreservingMergeExec"), "{plan}");
    Ok(())
}
