//! What the encoding of a scan of JSON loses: that files are arrays.

use std::fs;
use std::sync::Arc;

use anyhow::Result;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::physical_plan::collect;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;

use crate::engine::{local_session, query};

#[tokio::test(flavor = "multi_thread")]
async fn an_array_arrives_as_lines() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("array.json");
    fs::write(&file, r#"[{"n": 1}, {"n": 2}]"#)?;
    let ctx = local_session("")?;
    let table = format!(
        "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{}' OPTIONS ('format.newline_delimited' 'false')",
        file.display()
    );
    query(&ctx, &table).await?;
    let plan = ctx
        .sql("SELECT n FROM t")
        .await?
        .create_physical_plan()
        .await?;
    let codec = BallistaPhysicalExtensionCodec::default();
    let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &codec)?;
    let arrived = node.try_into_physical_plan(&ctx.task_ctx(), &codec)?;
    let rows = |batches: Vec<arrow::array::RecordBatch>| {
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    assert_eq!(rows(collect(plan, ctx.task_ctx()).await?), 2);
    let arrived = collect(arrived, ctx.task_ctx()).await;
    assert!(arrived.is_err(), "this travels now: client_json.rs can go");
    Ok(())
}
