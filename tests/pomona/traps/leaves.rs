//! The scheduler cuts the leaves that it knows to a task's partitions, and leaves others whole: a
//! scan that were a leaf of its own would return every image in every task.

use std::sync::Arc;

use anyhow::Result;
use ballista_scheduler::state::task_builder::restrict_plan_to_partitions;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::prelude::SessionContext;
use pomona_images::ImageScanExec;

use super::super::codec::session;

async fn rows(ctx: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Result<usize> {
    let batches = collect(plan, ctx.task_ctx()).await?;
    Ok(batches.iter().map(|batch| batch.num_rows()).sum())
}

#[tokio::test]
async fn a_leaf_that_the_scheduler_does_not_know_stays_whole() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let sql = "SELECT table_name FROM information_schema.tables";
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let whole = rows(&ctx, Arc::clone(&plan)).await?;
    let cut = restrict_plan_to_partitions(plan, &[])?;
    assert_eq!(rows(&ctx, cut).await?, whole, "no partition, and all rows");
    Ok(())
}

#[tokio::test]
async fn each_task_of_an_image_scan_has_its_images_and_no_others() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let sql = "SELECT path, content FROM images";
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    assert!(plan.is::<ImageScanExec>());
    let partitions = plan.output_partitioning().partition_count();
    assert_eq!(partitions, 2);
    let mut total = 0;
    for partition in 0..partitions {
        let task = restrict_plan_to_partitions(Arc::clone(&plan), &[partition])?;
        assert_eq!(task.output_partitioning().partition_count(), 1);
        total += rows(&ctx, task).await?;
    }
    assert_eq!(total, rows(&ctx, plan).await?);
    Ok(())
}
