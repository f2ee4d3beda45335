//! The limit of rows in memory is lost in the encoding of a plan.

use std::sync::Arc;

use anyhow::Result;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;

use crate::engine::{cluster_session, local_session, query, shared_cluster};

const TABLE: &str = "CREATE TABLE t AS SELECT value FROM generate_series(1, 10)";
const LIMITED: &str = "SELECT value FROM t LIMIT 3";

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_memory_keep_their_limit() -> Result<()> {
    let local = local_session("")?;
    query(&local, TABLE).await?;
    let plan = local.sql(LIMITED).await?.create_physical_plan().await?;
    let codec = BallistaPhysicalExtensionCodec::default();
    let node = PhysicalPlanNode::try_from_physical_plan(plan, &codec)?;
    let arrived: Arc<dyn ExecutionPlan> = node.try_into_physical_plan(&local.task_ctx(), &codec)?;
    let rows: usize = collect(arrived, local.task_ctx())
        .await?
        .iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert_eq!(rows, 10, "the limit travels now: KeepMemoryLimit can go");

    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    query(&remote, TABLE).await?;
    let rows: usize = query(&remote, LIMITED)
        .await?
        .iter()
        .map(|b| b.num_rows())
        .sum();
    assert_eq!(rows, 3);
    let explained = query(&remote, &format!("EXPLAIN VERBOSE {LIMITED}")).await?;
    let text = arrow::util::pretty::pretty_format_batches(&explained)?.to_string();
    for rule in [
        "DropSourceOrder",
        "KeepSeriesColumns",
        "KeepMemoryLimit",
        "SortAfterShuffle",
        "SingleTaskOuterJoin",
    ] {
        assert!(text.contains(rule), "EXPLAIN VERBOSE does not show {rule}");
    }
    Ok(())
}
