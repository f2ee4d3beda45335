//! What the encoding of a window function loses: its direction, IGNORE NULLS and FILTER.

use std::sync::Arc;

use anyhow::Result;
use arrow::util::pretty::pretty_format_batches;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use pomona_cluster::Cluster;

use crate::engine::{local_session, query, remote_session};

const TABLE: &str = "CREATE TABLE t AS SELECT value AS y,
    CASE WHEN value % 3 = 0 THEN value END AS x FROM generate_series(1, 20)";

/// Two directions of one order, of which DataFusion sorts by one and reverses the other.
const REVERSED: &str = "SELECT y, lag(y) OVER (ORDER BY y) AS a, lag(y) OVER (ORDER BY y DESC) AS b
    FROM t ORDER BY y";

const CLAUSES: [&str; 3] = [
    "SELECT y, lag(x) IGNORE NULLS OVER (ORDER BY y) AS l FROM t ORDER BY y",
    "SELECT y, first_value(x) IGNORE NULLS OVER (
        ORDER BY y ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS f FROM t ORDER BY y",
    "SELECT y, sum(y) FILTER (WHERE y > 3) OVER (ORDER BY y) AS s FROM t ORDER BY y",
];

async fn text(ctx: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Result<String> {
    let batches = collect(plan, ctx.task_ctx()).await?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The rows of a query here, and those of its plan after it was encoded.
async fn sent_and_arrived(ctx: &SessionContext, sql: &str) -> Result<(String, String)> {
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let codec = BallistaPhysicalExtensionCodec::default();
    let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &codec)?;
    let arrived = node.try_into_physical_plan(&ctx.task_ctx(), &codec)?;
    Ok((text(ctx, plan).await?, text(ctx, arrived).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_on_the_way_is_not_lost_on_a_cluster() -> Result<()> {
    let local = local_session("")?;
    let remote = remote_session(Cluster::standalone(2).await?, "")?;
    for ctx in [&local, &remote] {
        query(ctx, TABLE).await?;
    }
    for sql in CLAUSES.into_iter().chain([REVERSED]) {
        let (sent, arrived) = sent_and_arrived(&local, sql).await?;
        assert_ne!(sent, arrived, "this travels now: {sql}");
        let rows = query(&remote, sql).await?;
        assert_eq!(pretty_format_batches(&rows)?.to_string(), sent, "{sql}");
    }
    Ok(())
}
